// The firmware marker: 88 bytes in the image that say which product and version it is. `makeMarker` makes them while
// compiling. Format and reasons: docs/firmware-marker.md of the Otter repository.

#pragma once

#include <stddef.h>
#include <stdint.h>

namespace otter {

struct alignas(4) FirmwareMarker {
  uint8_t magic[16];
  uint8_t format;
  uint8_t reserved[3];
  char product[32];
  char version[32];
  uint32_t crc32;
};
static_assert(sizeof(FirmwareMarker) == 88, "the server reads this layout");

constexpr size_t kMarkerMagicBytes = 16;

/** CRC-32 of zlib over one byte more. */
constexpr uint32_t crc32Step(uint32_t crc, uint8_t byte) {
  crc ^= byte;
  for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  return crc;
}

/** A text that does not fit its field stops the build: `size` is the length with the NUL. */
template <size_t productSize, size_t versionSize>
constexpr FirmwareMarker makeMarker(const char (&product)[productSize], const char (&version)[versionSize]) {
  static_assert(productSize >= 2 && productSize <= 32, "OTTER_FIRMWARE: the product has 1 to 31 characters");
  static_assert(versionSize >= 6 && versionSize <= 32, "OTTER_FIRMWARE: the version is SemVer, at most 31 characters");
  FirmwareMarker marker{
      {0xb0, 0x1b, 0xdd, 0xd7, 0xf5, 0x03, 0x01, 0x9e, 0x9b, 0x87, 0xcb, 0xce, 0x78, 0xd1, 0xd1, 0xfb},
      1,
      {0, 0, 0},
      {},
      {},
      0};
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 0; i < 16; ++i) crc = crc32Step(crc, marker.magic[i]);
  crc = crc32Step(crc, marker.format);
  for (size_t i = 0; i < 3; ++i) crc = crc32Step(crc, 0);
  for (size_t i = 0; i < 32; ++i) {
    marker.product[i] = i < productSize ? product[i] : '\0';
    crc = crc32Step(crc, static_cast<uint8_t>(marker.product[i]));
  }
  for (size_t i = 0; i < 32; ++i) {
    marker.version[i] = i < versionSize ? version[i] : '\0';
    crc = crc32Step(crc, static_cast<uint8_t>(marker.version[i]));
  }
  marker.crc32 = ~crc;
  return marker;
}

}  // namespace otter

/** What the running program is; defined by `OTTER_FIRMWARE` in the sketch. */
extern "C" const otter::FirmwareMarker otter_firmware_marker;
