// Release signatures with mbedTLS. The key is taken out of its PEM here and compared with the one encoding that a P-256
// key has, so that no version of mbedTLS has to be asked what it parsed.

#include "../core/trust/signature.h"

#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <string.h>

#include "../core/trust/base64.h"
#include "../core/trust/sha256.h"
#include "crypto_library.h"

namespace otter {

namespace {

/** What comes before the point: SubjectPublicKeyInfo, id-ecPublicKey, prime256v1, uncompressed (RFC 5480). */
constexpr uint8_t kP256Head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr size_t kKeyBytes = sizeof kP256Head + 64;
constexpr size_t kKeyBase64Chars = (kKeyBytes + 2) / 3 * 4;
constexpr char kBeginMark[] = "-----BEGIN PUBLIC KEY-----";
constexpr char kEndMark[] = "-----END PUBLIC KEY-----";
constexpr size_t kMinSignatureBytes = 8;

bool isBlank(char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; }

const char* skipBlanks(const char* text) {
  while (isBlank(*text)) ++text;
  return text;
}

/** One P-256 key in PEM, nothing before and nothing after it. */
bool readKey(const char* pem, uint8_t key[kKeyBytes]) {
  if (pem == nullptr) return false;
  pem = skipBlanks(pem);
  if (strncmp(pem, kBeginMark, sizeof kBeginMark - 1) != 0) return false;
  pem = skipBlanks(pem + sizeof kBeginMark - 1);

  char base64[kKeyBase64Chars];
  size_t chars = 0;
  for (; *pem != '-' && *pem != '\0'; pem = skipBlanks(pem + 1)) {
    if (chars == kKeyBase64Chars) return false;
    base64[chars++] = *pem;
  }
  if (strncmp(pem, kEndMark, sizeof kEndMark - 1) != 0) return false;
  if (*skipBlanks(pem + sizeof kEndMark - 1) != '\0') return false;

  size_t count = 0;
  return decodeBase64(base64, chars, key, kKeyBytes, count) && count == kKeyBytes &&
         memcmp(key, kP256Head, sizeof kP256Head) == 0;
}

}  // namespace

bool verifySignature(const char* publicKeyPem, const uint8_t sha256[32], const uint8_t* der, size_t derBytes) {
  uint8_t key[kKeyBytes];
  if (!readKey(publicKeyPem, key)) return false;
  if (derBytes < kMinSignatureBytes || derBytes > kMaxSignatureBytes) return false;
  if (!startCryptoLibrary()) return false;

  mbedtls_pk_context parsed;
  mbedtls_pk_init(&parsed);
  const bool isSigned = mbedtls_pk_parse_public_key(&parsed, key, sizeof key) == 0 &&
                        mbedtls_pk_verify(&parsed, MBEDTLS_MD_SHA256, sha256, 32, der, derBytes) == 0;
  mbedtls_pk_free(&parsed);
  return isSigned;
}

bool keyIdOf(const char* publicKeyPem, char keyId[kKeyIdBytes]) {
  uint8_t key[kKeyBytes];
  if (!readKey(publicKeyPem, key)) return false;
  uint8_t sha256[32];
  Sha256 hash;
  hash.begin();
  hash.update(key, sizeof key);
  if (!hash.finish(sha256)) return false;
  constexpr size_t kDigits = kKeyIdBytes - 1;
  for (size_t i = 0; i < kDigits; ++i) {
    keyId[i] = "0123456789abcdef"[i % 2 == 0 ? sha256[i / 2] >> 4 : sha256[i / 2] & 0x0F];
  }
  keyId[kDigits] = '\0';
  return true;
}

}  // namespace otter
