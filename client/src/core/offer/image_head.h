// The first bytes of an image, checked before a byte of the spare slot is erased: is it an application for this chip,
// and the one that the manifest names. Format: ESP-IDF `esp_app_format.h` and `esp_app_desc.h`. The whole image is
// verified later, by its SHA-256 and by the platform.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"

namespace otter {

/** Image header, first segment header and app descriptor. */
constexpr size_t kImageHeadBytes = 288;

/** What the head of an image is compared with. */
struct ImageFacts {
  uint16_t chipId;
  /** Major * 100 + minor; `kUnknownRevision`: not compared. The bootloader looks once more. */
  uint16_t chipRevision;
  uint32_t sizeBytes;
};

/**
 * `image`: no application image, or without its own SHA-256; `chip`: for another chip, or for other revisions of it
 * (`min_chip_rev_full` to `max_chip_rev_full`, of which 0 and 65535 are no limit); `hash`: its descriptor is not
 * that of the manifest (`elfSha256` all zero: not compared). `bytes` has at least `kImageHeadBytes`.
 */
Error checkImageHead(const uint8_t* bytes, const ImageFacts& facts, const uint8_t elfSha256[32]);

}  // namespace otter
