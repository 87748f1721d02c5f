// What several files ask of plain bytes.

#pragma once

#include <stddef.h>
#include <stdint.h>

namespace otter {

/** An identity or hash of zeros only is none. */
inline bool isAllZero(const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (bytes[i] != 0) return false;
  return true;
}

}  // namespace otter
