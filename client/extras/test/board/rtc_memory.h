// RTC memory: what a program keeps in `RTC_DATA_ATTR`. A deep sleep leaves it as it is; any other start loads it anew.

#pragma once

#include <cstddef>
#include <cstdint>

namespace board {

/** Of an ESP32: 8 KB of slow memory. */
constexpr size_t kRtcMemoryBytes = 8192;

/** The variables of this program that lie there, one after the other. Throws where they are more than a chip has. */
struct RtcMemory {
  uint8_t* begin;
  size_t bytes;
};
RtcMemory rtcMemory();

}  // namespace board
