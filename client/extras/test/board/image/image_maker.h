// Makes application images for tests: small, whole, and saying of themselves what the test wants.

#pragma once

#include <string>

#include "board/image/image.h"
#include "board/flash/nvs.h"

namespace board {

struct ImageRecipe {
  std::string chip = "esp32";
  /** Empty: an image without a marker. */
  std::string product = "greenhouse";
  std::string version = "1.0.0";
  /** How the build behaves (`otter-device:WORD;`). */
  std::string script = "healthy";
  /** Length of the whole file, rounded to what the format allows. At least about 600. */
  size_t sizeBytes = 16384;
  uint32_t securityVersion = 0;
  /** Seed of the filling and of `app_elf_sha256`: another seed is another build. */
  uint32_t seed = 1;
};

/** A whole image. */
Bytes makeImage(const ImageRecipe& recipe);
/** Writes checksum and SHA-256 anew after bytes of a segment were changed. */
void resealImage(Bytes& image);

}  // namespace board
