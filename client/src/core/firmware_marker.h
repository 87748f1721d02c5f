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

// Each function is one expression: sketches for core 2.x are compiled as C++11, whose `constexpr` knows no loops.

/** CRC-32 of zlib over so many bits more. */
constexpr uint32_t crc32Bits(uint32_t crc, int bits) {
  return bits == 0 ? crc : crc32Bits((crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U), bits - 1);
}

constexpr uint32_t crc32Step(uint32_t crc, uint8_t byte) { return crc32Bits(crc ^ byte, 8); }

constexpr uint32_t crc32Bytes(uint32_t crc, const uint8_t* bytes, size_t count) {
  return count == 0 ? crc : crc32Bytes(crc32Step(crc, bytes[0]), bytes + 1, count - 1);
}

/** A character of a text that is filled up with NULs. */
constexpr char charAt(const char* text, size_t size, size_t at) { return at < size ? text[at] : '\0'; }

constexpr uint32_t crc32Field(uint32_t crc, const char* text, size_t size, size_t at) {
  return at == 32 ? crc
                  : crc32Field(crc32Step(crc, static_cast<uint8_t>(charAt(text, size, at))), text, size, at + 1);
}

constexpr uint8_t kMarkerHead[] = {0xb0, 0x1b, 0xdd, 0xd7, 0xf5, 0x03, 0x01, 0x9e, 0x9b, 0x87,
                                   0xcb, 0xce, 0x78, 0xd1, 0xd1, 0xfb, 1,    0,    0,    0};

/** 0, 1, ... as a list of types: what fills an array at once. */
template <size_t... at>
struct Indices {};
template <size_t count, size_t... at>
struct MakeIndices : MakeIndices<count - 1, count - 1, at...> {};
template <size_t... at>
struct MakeIndices<0, at...> {
  using Type = Indices<at...>;
};

template <size_t... magic, size_t... at>
constexpr FirmwareMarker fillMarker(const char* product, size_t productSize, const char* version, size_t versionSize,
                                    Indices<magic...>, Indices<at...>) {
  return {{kMarkerHead[magic]...},
          1,
          {0, 0, 0},
          {charAt(product, productSize, at)...},
          {charAt(version, versionSize, at)...},
          ~crc32Field(
              crc32Field(crc32Bytes(0xFFFFFFFFU, kMarkerHead, sizeof kMarkerHead), product, productSize, 0),
              version, versionSize, 0)};
}

/** A text that does not fit its field stops the build: `size` is the length with the NUL. */
template <size_t productSize, size_t versionSize>
constexpr FirmwareMarker makeMarker(const char (&product)[productSize], const char (&version)[versionSize]) {
  static_assert(productSize >= 2 && productSize <= 32, "OTTER_FIRMWARE: the product has 1 to 31 characters");
  static_assert(versionSize >= 6 && versionSize <= 32, "OTTER_FIRMWARE: the version is SemVer, at most 31 characters");
  return fillMarker(product, productSize, version, versionSize, typename MakeIndices<kMarkerMagicBytes>::Type(),
                    typename MakeIndices<32>::Type());
}

}  // namespace otter

/** What the running program is; defined by `OTTER_FIRMWARE` in the sketch. */
extern "C" const otter::FirmwareMarker otter_firmware_marker;
