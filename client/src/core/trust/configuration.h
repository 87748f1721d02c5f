// A configuration that a release key signed (`otter-config/1`, docs/device-protocol.md): which pins hold beside those of
// the sketch. Reads its fields strictly and rebuilds the text that is signed; whether it is taken is decided by
// `memory/configured_pins.h`.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../error.h"
#include "../error_table.h"
#include "../wire/json.h"
#include "pin.h"

namespace otter {

constexpr size_t kConfiguredPins = 2;

struct Configuration {
  char product[kMaxNameChars + 1];
  /** Only rises; at least 1. */
  uint32_t sequence;
  /** Of public keys, in the order in which they are signed. */
  Pin pins[kConfiguredPins];
  uint8_t pinCount;
  /** `2026-11-23T10:00:00Z`, or `-`. */
  char expiresAt[21];
};

/** `configuration` where a field is missing, malformed or of the wrong type. */
Error readConfiguration(const Json& value, Configuration& configuration);

/** The five lines that release keys sign. Returns their length. */
constexpr size_t kConfigurationTextBytes = 320;
size_t writeCanonicalText(const Configuration& configuration, char text[kConfigurationTextBytes]);

}  // namespace otter
