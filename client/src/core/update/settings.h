// What the sketch decides. Texts live as long as the engine.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../error_table.h"
#include "../trust/pin.h"
#include "../trust/release_signature.h"
#include "../wire/http_client.h"
#include "idle_window.h"

namespace otter {

constexpr size_t kReleaseKeys = 2;
constexpr size_t kServers = 2;
constexpr size_t kPins = 3;

struct Settings {
  /** Addresses of the server, in the order in which they are tried. */
  Server servers[kServers] = {};
  size_t serverCount = 1;
  /** Of the sketch. The connection has them, too; these are what the server is told. */
  Pin pins[kPins] = {};
  size_t pinCount = 0;
  const char* token = "";
  const char* product = "";
  const char* version = "";
  /** Name and version of this library, for operators. */
  const char* library = "";
  const char* labelHints[kMaxLabelHints] = {};
  size_t labelHintCount = 0;
  const char* labelRule = "";
  const char* releaseKeys[kReleaseKeys] = {};
  size_t releaseKeyCount = 0;
  /** So many of them have to sign. */
  uint8_t signaturesNeeded = 1;
  uint32_t intervalS = 600;
  /** For a board that sleeps: seconds until it means to check again. 0: as the server says. */
  uint32_t nextCheckS = 0;
  IdleHours idleHours = {0, 0, 0};
  uint32_t longestDeferralS = 86400;
  uint32_t trialTimeoutS = 300;
  uint32_t maxImageBytes = kMaxImageBytes;
  bool confirmsByHand = false;
  bool appliesByHand = false;

  ReleaseKeys keys() const { return {releaseKeys, releaseKeyCount, signaturesNeeded}; }
};

}  // namespace otter
