// Whether release keys of the sketch signed a text (docs/device-protocol.md): that of a manifest or of a configuration,
// rebuilt from the fields that are acted on.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../wire/json.h"
#include "../offer/manifest.h"

namespace otter {

/** Public keys in PEM, no two of them alike, and how many of them have to sign. */
struct ReleaseKeys {
  const char* const* pems;
  size_t count;
  size_t needed;
};

/**
 * Of which keys `signatures`, `[{key_id, signature}]`, holds good signatures of this text: a bit for each, that of the
 * first key the lowest. Looks no further than as many as are needed; 0 where they are fewer, and where none is needed.
 */
uint8_t findSigners(const char* text, size_t length, const Json& signatures, const ReleaseKeys& keys);

/** True where as many of the keys as are needed signed the manifest. Entries of other keys are skipped. */
bool isSigned(const Manifest& manifest, const Json& signatures, const ReleaseKeys& keys);

}  // namespace otter
