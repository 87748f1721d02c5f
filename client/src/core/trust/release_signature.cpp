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

/** Of the first few entries one is a good signature of this key. */
bool hasSigned(const char* publicKeyPem, const Json& signatures, const uint8_t sha256[32]) {
  Json entry = signatures.firstElement();
  for (int i = 0; i < kMaxSignatures && entry.isThere(); ++i, entry = entry.nextElement())
    if (isGood(entry, publicKeyPem, sha256)) return true;
  return false;
}

}  // namespace

uint8_t findSigners(const char* text, size_t length, const Json& signatures, const ReleaseKeys& keys) {
  if (keys.needed == 0) return 0;
  uint8_t sha256[32];
  Sha256 hash;
  hash.begin();
  hash.update(reinterpret_cast<const uint8_t*>(text), length);
  if (!hash.finish(sha256)) return 0;
  size_t count = 0;
  unsigned signers = 0;
  for (size_t key = 0; key < keys.count && count < keys.needed; ++key) {
    if (!hasSigned(keys.pems[key], signatures, sha256)) continue;
    signers |= 1U << key;
    ++count;
  }
  return count >= keys.needed ? static_cast<uint8_t>(signers) : uint8_t{0};
}

bool isSigned(const Manifest& manifest, const Json& signatures, const ReleaseKeys& keys) {
  char text[kCanonicalTextBytes];
  return findSigners(text, writeCanonicalText(manifest, text), signatures, keys) != 0;
}

}  // namespace otter
