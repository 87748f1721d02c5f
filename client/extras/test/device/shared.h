// What the processes of one run share: the supervisor (power, bootloader, watchdog) and the program that it starts anew
// for each boot. It lies in the file `rtc` of the board and is empty at the start of a run, as RTC memory is after a
// power loss.

#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "board/rtc_memory.h"

namespace device {

/** An `otter-device` of before runs under the supervisor of today (`--program`): what is new comes last. */
struct Shared {
  /** Writes to flash and NVS in the whole run. */
  uint64_t operations;
  /** The operation at which the power goes; 0 after that. */
  uint64_t cutAt;
  /** Wall clock, milliseconds: when the main task last showed that it lives. */
  std::atomic<uint64_t> aliveAtMs;
  std::atomic<uint64_t> receivedBytes;
  std::atomic<uint64_t> peakHeapBytes;
  /** The script of the image ends the program by a panic; any other one is a mistake of ours. */
  std::atomic<uint32_t> isPanicWanted;
  /** RTC memory over a deep sleep. */
  uint8_t rtcMemory[board::kRtcMemoryBytes];
};

/** Exit codes of the program, by which the supervisor knows why it ended; an older one ends with the same. */
constexpr int kExitRestart = 100;  // + board::ResetReason
constexpr int kExitPowerCut = 120;
constexpr int kExitUntil = 121;
constexpr int kExitUnplugged = 122;
constexpr int kExitUsage = 2;

/** Nobody else may run this board meanwhile. Throws `std::runtime_error`. */
Shared& openShared(const std::string& folder, bool isSupervisor);

uint64_t wallMs();

}  // namespace device
