// The command line of `otter-device`, read once and checked. Never touches a file.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "board/board.h"

namespace device {

/** Something on the command line is wrong; the text says what. */
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string boardFolder;
  std::vector<std::string> servers;
  std::vector<std::string> pins;
  std::string token;
  /** In the place of the first pin from the first deep sleep on; empty: none. */
  std::string nextPin;

  std::string flashFile;
  std::string product = "default";
  std::string version = "0.0.0";
  /** Which other `otter-device` runs the images of a version. */
  std::map<std::string, std::string> programs;
  /** Of the board; nothing: as it was made. */
  std::optional<std::array<uint8_t, 6>> mac;
  std::string chip;
  std::optional<uint32_t> slotBytes;
  std::optional<uint32_t> slotCount;
  board::BootloaderKind bootloader = board::BootloaderKind::rollback;
  double speed = 1;
  double restSpeed = 1;

  std::optional<uint32_t> intervalS;
  std::optional<uint32_t> nextCheckS;
  /** Between two checks, in seconds; nothing: it stays awake. */
  std::optional<uint32_t> deepSleepS;
  std::optional<uint32_t> trialTimeoutS;
  std::vector<std::string> labelHints;
  std::string labelRule;
  std::vector<std::string> releaseKeyFiles;
  std::optional<uint8_t> signaturesNeeded;
  /** `always`, `never`, or a file that is there when the board is idle. */
  std::string idle = "always";
  std::optional<std::array<uint8_t, 2>> idleHours;
  std::optional<uint32_t> longestDeferralS;
  bool appliesByHand = false;
  bool confirmsByHand = false;
  uint32_t freeHeapBytes = 200000;

  /** RTC memory comes back from each deep sleep with one bit wrong. */
  bool losesRtcBits = false;
  /** 0: never. */
  uint64_t cutAt = 0;
  board::Tear tear = board::Tear::before;
  /** Names of library events. */
  std::vector<std::string> until;
  /** 0: for ever. */
  double forS = 0;
  bool isHelpWanted = false;
};

/** Throws `UsageError`. */
Options parseOptions(const std::vector<std::string>& arguments);
std::string usage();

}  // namespace device
