// Whether one of the release keys of the sketch signed a manifest (docs/device-protocol.md). The signature covers the
// canonical text, rebuilt from the fields that are acted on.

#pragma once

#include <stddef.h>

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
 * True where `signatures` of the manifest, `[{key_id, signature}]`, holds good signatures of as many of the keys as are
 * needed. Each key counts once; entries of other keys are skipped. With none needed nothing is signed.
 */
bool isSigned(const Manifest& manifest, const Json& signatures, const ReleaseKeys& keys);

}  // namespace otter
