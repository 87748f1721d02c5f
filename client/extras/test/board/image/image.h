// What an application image is, and whether it is whole: the checks of ESP-IDF `esp_image_format.c`, without secure
// boot and without the alignment of mapped segments (nothing is mapped here). It also reads what the firmware says of
// itself.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace board {

constexpr size_t kImageHeaderBytes = 24;
constexpr size_t kAppDescriptorAt = 32;
constexpr size_t kAppDescriptorBytes = 256;
constexpr size_t kMarkerBytes = 88;

/** A chip as the tools name it. */
struct Chip {
  const char* name;
  /** `esp_chip_id_t`: byte 12 of an image. */
  uint16_t id;
  /** major * 100 + minor of the newest silicon. */
  uint16_t revision;
};

/** nullptr where there is no such chip. */
const Chip* chipNamed(const std::string& name);
const Chip* chipWithId(uint16_t id);

using Sha256 = std::array<uint8_t, 32>;
Sha256 sha256Of(const uint8_t* bytes, size_t count);

/** Bytes of the image, or nothing where it would not boot on this chip. `capacity` is the size of the partition. */
std::optional<size_t> verifyImage(const uint8_t* bytes, size_t capacity, const Chip& chip);

/** What a program says of itself: the `OTTER_FIRMWARE` marker (docs/firmware-marker.md). */
struct Marker {
  std::array<uint8_t, kMarkerBytes> bytes;
  std::string product;
  std::string version;
};
std::optional<Marker> findMarker(const uint8_t* bytes, size_t count);
Marker makeMarker(const std::string& product, const std::string& version);

/** WORD of `otter-device:WORD;` in the image: how this build behaves. `healthy` where there is none. */
std::string findScript(const uint8_t* bytes, size_t count);

}  // namespace board
