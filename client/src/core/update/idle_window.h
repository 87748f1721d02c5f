// When in the day a board may install: the hours of its sketch, and the window of its server. Pure.

#pragma once

#include <stdint.h>

namespace otter {

/** `[fromHour, toHour)` of the local day, over midnight where `fromHour > toHour`; equal hours mean always. */
struct IdleHours {
  uint8_t fromHour;
  uint8_t toHour;
  int16_t utcOffsetMinutes;
};

/** False where the time is unknown (`epochS` 0) and the hours are not "always". */
bool isInIdleHours(const IdleHours& hours, int64_t epochS);

constexpr uint16_t kMinutesOfDay = 1440;
/** 14 hours, the zone that is furthest ahead. */
constexpr int16_t kMostUtcOffsetMin = 840;

/** `install_window` of an offer: from a minute of the board's own day on, for so long; it may pass midnight. */
struct InstallWindow {
  /** 0 to 1439. */
  uint16_t fromMinute;
  /** 1 to 1440; 0: the offer has no window. */
  uint16_t durationMin;
  /** -840 to 840. */
  int16_t utcOffsetMin;
};

/** True where there is no window. False where the time is unknown (`epochS` 0) and there is one. */
bool isInInstallWindow(const InstallWindow& window, int64_t epochS);

}  // namespace otter
