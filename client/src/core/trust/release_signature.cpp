#include "release_signature.h"

#include <string.h>

#include "base64.h"
#include "sha256.h"
#include "signature.h"

namespace otter {
namespace {

/** A manifest has a signature or two; the arithmetic of each takes a board some 100 ms. */
constexpr int kMaxSignatures = 4;

bool isGood(const Json& entry, const char* publicKeyPem, const uint8_t sha256[32]) {
  char expected[kKeyIdBytes];
  char text[kMaxSignatureBytes / 3 * 4 + 1];
  uint8_t der[kMaxSignatureBytes];
  size_t derBytes = 0;
  if (!keyIdOf(publicKeyPem, expected) || !entry.member("key_id").equals(expected, strlen(expected))) return false;
  if (!entry.member("signature").copyString(text, sizeof text)) return false;
  return decodeBase64(text, strlen(text), der, sizeof der, derBytes) &&
         verifySignature(publicKeyPem, sha256, der, derBytes);
}

}  // namespace

bool isSignedByAny(const Manifest& manifest, const Json& signatures, const char* const* publicKeysPem,
                   size_t keyCount) {
  char text[kCanonicalTextBytes];
  const size_t length = writeCanonicalText(manifest, text);
  uint8_t sha256[32];
  Sha256 hash;
  hash.begin();
  hash.update(reinterpret_cast<const uint8_t*>(text), length);
  if (!hash.finish(sha256)) return false;
  Json entry = signatures.firstElement();
  for (int i = 0; i < kMaxSignatures && entry.isThere(); ++i, entry = entry.nextElement())
    for (size_t key = 0; key < keyCount; ++key)
      if (isGood(entry, publicKeysPem[key], sha256)) return true;
  return false;
}

}  // namespace otter
