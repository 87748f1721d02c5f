// A pin: the SHA-256 that says which server is ours. Parses its spellings; never sees a certificate
// (`net/certificate_pin.h` does).

#pragma once

#include <stddef.h>
#include <stdint.h>

namespace otter {

struct Pin {
  /**
   * `spki`: of the public key (SubjectPublicKeyInfo in DER), which outlives a renewed certificate. `certificate`: of
   * the whole certificate in DER.
   */
  enum class Kind : uint8_t { spki, certificate };
  Kind kind;
  uint8_t sha256[32];
};

/** True where this pin is one of them. */
bool hasPin(const Pin* pins, size_t count, const Pin& pin);

/**
 * Reads `spki:` or `cert:` + 64 hex digits, `sha256//` + base64 (a pin of the public key, as curl writes it), or the
 * fingerprint of a certificate: 64 hex digits, or `AA:BB:...` as OpenSSL prints it. False for anything else, blanks
 * too; `pin` is then as it was.
 */
bool parsePin(const char* text, Pin& pin);

/** False where there is no room. A pin that is there already is not added again. */
bool addPin(const Pin& pin, Pin* pins, size_t capacity, size_t& count);

/** Adds one pin, or several with commas between them. False where one of them cannot be read, or finds no room. */
bool parsePins(const char* text, Pin* pins, size_t capacity, size_t& count);

}  // namespace otter
