// The hours of the day in which a board may install. Pure.

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

}  // namespace otter
