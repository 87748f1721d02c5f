#include "base64.h"

namespace otter {

namespace {

/** 0 to 63; 64 for a character outside of the alphabet. */
uint8_t valueOf(char digit) {
  if (digit >= 'A' && digit <= 'Z') return static_cast<uint8_t>(digit - 'A');
  if (digit >= 'a' && digit <= 'z') return static_cast<uint8_t>(digit - 'a' + 26);
  if (digit >= '0' && digit <= '9') return static_cast<uint8_t>(digit - '0' + 52);
  if (digit == '+') return 62;
  if (digit == '/') return 63;
  return 64;
}

}  // namespace

bool decodeBase64(const char* text, size_t n, uint8_t* out, size_t capacity, size_t& count) {
  count = 0;
  if (n % 4 != 0) return false;
  if (n == 0) return true;
  const size_t padding = text[n - 1] != '=' ? 0 : (text[n - 2] != '=' ? 1 : 2);
  const size_t digits = n - padding;
  const size_t bytes = n / 4 * 3 - padding;
  if (bytes > capacity) return false;

  uint32_t bits = 0;
  size_t written = 0;
  for (size_t i = 0; i < digits; ++i) {
    const uint8_t value = valueOf(text[i]);
    if (value > 63) return false;
    bits = (bits << 6) | value;
    // After the 2nd, 3rd and 4th character of a group one byte more is complete.
    const size_t place = i % 4;
    if (place > 0) out[written++] = static_cast<uint8_t>(bits >> (6 - 2 * place));
  }
  // One `=` leaves 2 bits over, two leave 4: set bits there would be a second spelling of the same bytes.
  if ((bits & ((1U << (2 * padding)) - 1)) != 0) return false;
  count = bytes;
  return true;
}

void encodeBase64Url(const uint8_t* bytes, size_t n, char* out) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint32_t bits = 0;
  int count = 0;
  for (size_t i = 0; i < n; ++i) {
    bits = (bits << 8) | bytes[i];
    for (count += 8; count >= 6; count -= 6) *out++ = kDigits[(bits >> (count - 6)) & 63];
  }
  if (count > 0) *out++ = kDigits[(bits << (6 - count)) & 63];
  *out = '\0';
}

}  // namespace otter
