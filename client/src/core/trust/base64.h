// Base64 of RFC 4648: section 4 read strictly, one text for each sequence of bytes; section 5 ("base64url") written.

#pragma once

#include <stddef.h>
#include <stdint.h>

namespace otter {

/**
 * Decodes `n` characters into `out`. False for a foreign character (white space too), a length that is not a multiple
 * of 4, padding anywhere but at the end, unused bits that are not 0, and where `capacity` is too small; `count` is then
 * 0.
 */
bool decodeBase64(const char* text, size_t n, uint8_t* out, size_t capacity, size_t& count);

/** Writes `n` bytes in the alphabet for addresses, without padding, and a NUL: `(n * 8 + 5) / 6 + 1` characters. */
void encodeBase64Url(const uint8_t* bytes, size_t n, char* out);

}  // namespace otter
