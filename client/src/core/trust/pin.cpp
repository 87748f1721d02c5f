#include "pin.h"

#include <stddef.h>
#include <string.h>

#include "base64.h"

namespace otter {

namespace {

constexpr size_t kHashBytes = 32;
constexpr size_t kHashBase64Chars = 44;
/** The longest spelling: 32 bytes in hex with a colon between two; NUL. */
constexpr size_t kPinTextBytes = 95 + 1;

bool hexDigit(char digit, uint8_t& value) {
  if (digit >= '0' && digit <= '9') {
    value = static_cast<uint8_t>(digit - '0');
  } else if (digit >= 'a' && digit <= 'f') {
    value = static_cast<uint8_t>(digit - 'a' + 10);
  } else if (digit >= 'A' && digit <= 'F') {
    value = static_cast<uint8_t>(digit - 'A' + 10);
  } else {
    return false;
  }
  return true;
}

/** 32 bytes in hex to the end of the text, with a colon between two bytes or with none at all. */
bool parseHash(const char* text, bool hasColons, uint8_t sha256[kHashBytes]) {
  for (size_t i = 0; i < kHashBytes; ++i) {
    if (hasColons && i > 0 && *text++ != ':') return false;
    uint8_t high = 0;
    uint8_t low = 0;
    if (!hexDigit(text[0], high) || !hexDigit(text[1], low)) return false;
    sha256[i] = static_cast<uint8_t>(high * 16 + low);
    text += 2;
  }
  return *text == '\0';
}

/** The rest of a text after its prefix; nullptr where it begins otherwise. */
const char* after(const char* text, const char* prefix) {
  const size_t length = strlen(prefix);
  return strncmp(text, prefix, length) == 0 ? text + length : nullptr;
}

}  // namespace

bool parsePin(const char* text, Pin& pin) {
  if (text == nullptr) return false;
  Pin parsed = {Pin::Kind::spki, {}};
  bool isValid = false;
  if (const char* hex = after(text, "spki:")) {
    isValid = parseHash(hex, false, parsed.sha256);
  } else if (const char* base64 = after(text, "sha256//")) {
    size_t count = 0;
    isValid = strlen(base64) == kHashBase64Chars &&
              decodeBase64(base64, kHashBase64Chars, parsed.sha256, kHashBytes, count) && count == kHashBytes;
  } else {
    parsed.kind = Pin::Kind::certificate;
    const char* fingerprint = after(text, "cert:");
    isValid = fingerprint != nullptr ? parseHash(fingerprint, false, parsed.sha256)
                                     : parseHash(text, false, parsed.sha256) || parseHash(text, true, parsed.sha256);
  }
  if (isValid) pin = parsed;
  return isValid;
}

bool hasPin(const Pin* pins, size_t count, const Pin& pin) {
  for (size_t i = 0; i < count; ++i)
    if (pins[i].kind == pin.kind && memcmp(pins[i].sha256, pin.sha256, sizeof pin.sha256) == 0) return true;
  return false;
}

bool addPin(const Pin& pin, Pin* pins, size_t capacity, size_t& count) {
  if (hasPin(pins, count, pin)) return true;
  if (count == capacity) return false;
  pins[count++] = pin;
  return true;
}

bool parsePins(const char* text, Pin* pins, size_t capacity, size_t& count) {
  if (text == nullptr) return false;
  for (;;) {
    const size_t length = strcspn(text, ",");
    char one[kPinTextBytes];
    Pin pin;
    if (length >= sizeof one) return false;
    memcpy(one, text, length);
    one[length] = '\0';
    if (!parsePin(one, pin) || !addPin(pin, pins, capacity, count)) return false;
    if (text[length] == '\0') return true;
    text += length + 1;
  }
}

}  // namespace otter
