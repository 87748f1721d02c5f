// Whether one of the release keys of the sketch signed a manifest (docs/device-protocol.md). The signature covers the
// canonical text, rebuilt from the fields that are acted on.

#pragma once

#include <stddef.h>

#include "../wire/json.h"
#include "../offer/manifest.h"

namespace otter {

/**
 * True where `signatures` of the manifest, `[{key_id, signature}]`, holds one of these keys with a good signature.
 * Entries of other keys are skipped.
 */
bool isSignedByAny(const Manifest& manifest, const Json& signatures, const char* const* publicKeysPem, size_t keyCount);

}  // namespace otter
