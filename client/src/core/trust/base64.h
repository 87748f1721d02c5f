// Base64 of RFC 4648 section 4, strictly: one text for each sequence of bytes.

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

}  // namespace otter
