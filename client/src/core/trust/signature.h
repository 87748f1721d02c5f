// Release signatures: ECDSA P-256 over a SHA-256, in DER. Implemented in `net/signature.cpp` with mbedTLS.
// Every other kind of key, curve or encoding is refused.

#pragma once

#include <stddef.h>
#include <stdint.h>

namespace otter {

/** Bytes of a key id with its NUL. */
constexpr size_t kKeyIdBytes = 17;

/** Longest signature in DER: two numbers of 33 bytes, each with tag and length, and tag and length around them. */
constexpr size_t kMaxSignatureBytes = 72;

/**
 * True where the key (`-----BEGIN PUBLIC KEY-----`, P-256) made this signature of this hash. False for everything else,
 * a malformed key too. Takes 2 to 10 KB of heap while it runs, and up to 0.2 s on a board.
 */
bool verifySignature(const char* publicKeyPem, const uint8_t sha256[32], const uint8_t* der, size_t derBytes);

/**
 * The first 16 hex digits, in lower case, of the SHA-256 of the key (SubjectPublicKeyInfo in DER): the name that a
 * manifest calls it by. False for what is not a P-256 public key in PEM.
 */
bool keyIdOf(const char* publicKeyPem, char keyId[kKeyIdBytes]);

}  // namespace otter
