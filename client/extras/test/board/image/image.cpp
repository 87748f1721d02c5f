#include "board/image/image.h"

#include <mbedtls/md.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace board {
namespace {

constexpr uint8_t kImageMagic = 0xE9;
constexpr uint8_t kChecksumSeed = 0xEF;
constexpr size_t kSegmentHeaderBytes = 8;
constexpr size_t kMaxSegments = 16;

// The magic in two halves: a program that looks for markers must not hold it in one piece.
constexpr uint8_t kMagicFirst[8] = {0xb0, 0x1b, 0xdd, 0xd7, 0xf5, 0x03, 0x01, 0x9e};
constexpr uint8_t kMagicSecond[8] = {0x9b, 0x87, 0xcb, 0xce, 0x78, 0xd1, 0xd1, 0xfb};

constexpr Chip kChips[] = {
    {"esp32", 0x0000, 301},   {"esp32s2", 0x0002, 100}, {"esp32c3", 0x0005, 4},  {"esp32s3", 0x0009, 2},
    {"esp32c2", 0x000C, 100}, {"esp32c6", 0x000D, 1},   {"esp32h2", 0x0010, 1},  {"esp32p4", 0x0012, 1},
    {"esp32c61", 0x0014, 0},  {"esp32c5", 0x0017, 0},   {"esp32h21", 0x0019, 0}, {"esp32h4", 0x001C, 0},
};

uint32_t readUint32(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
         static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

uint16_t readUint16(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }

bool fitsRevision(const uint8_t* header, const Chip& chip) {
  const uint16_t lowest = readUint16(header + 15);
  const uint16_t highest = readUint16(header + 17);
  if (chip.revision < lowest) return false;
  return highest == 0 || highest == 0xFFFF || chip.revision <= highest;
}

uint32_t crc32(const uint8_t* bytes, size_t count) {
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 0; i < count; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

}  // namespace

const Chip* chipNamed(const std::string& name) {
  for (const Chip& chip : kChips) {
    if (name == chip.name) return &chip;
  }
  return nullptr;
}

const Chip* chipWithId(uint16_t id) {
  for (const Chip& chip : kChips) {
    if (chip.id == id) return &chip;
  }
  return nullptr;
}

Sha256 sha256Of(const uint8_t* bytes, size_t count) {
  Sha256 digest{};
  if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), bytes, count, digest.data()) != 0) {
    throw std::runtime_error("SHA-256 failed");
  }
  return digest;
}

std::optional<size_t> verifyImage(const uint8_t* bytes, size_t capacity, const Chip& chip) {
  if (capacity < kImageHeaderBytes || bytes[0] != kImageMagic) return std::nullopt;
  if (readUint16(bytes + 12) != chip.id || !fitsRevision(bytes, chip)) return std::nullopt;
  const size_t segments = bytes[1];
  if (segments > kMaxSegments) return std::nullopt;
  size_t at = kImageHeaderBytes;
  uint8_t checksum = kChecksumSeed;
  for (size_t index = 0; index < segments; ++index) {
    if (capacity - at < kSegmentHeaderBytes) return std::nullopt;
    const uint32_t dataBytes = readUint32(bytes + at + 4);
    at += kSegmentHeaderBytes;
    if (dataBytes % 4 != 0 || dataBytes > capacity - at) return std::nullopt;
    for (size_t i = 0; i < dataBytes; ++i) checksum = static_cast<uint8_t>(checksum ^ bytes[at + i]);
    at += dataBytes;
  }
  // The checksum is the last byte of a block of 16.
  const size_t summedBytes = (at + 16) / 16 * 16;
  if (summedBytes > capacity || bytes[summedBytes - 1] != checksum) return std::nullopt;
  if (bytes[23] == 0) return summedBytes;
  const Sha256 digest = sha256Of(bytes, summedBytes);
  if (capacity - summedBytes < digest.size()) return std::nullopt;
  if (std::memcmp(digest.data(), bytes + summedBytes, digest.size()) != 0) return std::nullopt;
  return summedBytes + digest.size();
}

std::optional<Marker> findMarker(const uint8_t* bytes, size_t count) {
  for (size_t at = 0; at + kMarkerBytes <= count; at += 4) {
    const uint8_t* marker = bytes + at;
    if (std::memcmp(marker, kMagicFirst, 8) != 0 || std::memcmp(marker + 8, kMagicSecond, 8) != 0) continue;
    if (marker[16] != 1 || readUint32(marker + 84) != crc32(marker, 84)) continue;
    if (marker[51] != 0 || marker[83] != 0) continue;
    Marker found{};
    std::copy_n(marker, kMarkerBytes, found.bytes.begin());
    found.product = reinterpret_cast<const char*>(marker + 20);
    found.version = reinterpret_cast<const char*>(marker + 52);
    return found;
  }
  return std::nullopt;
}

Marker makeMarker(const std::string& product, const std::string& version) {
  Marker marker{{}, product.substr(0, 31), version.substr(0, 31)};
  uint8_t* bytes = marker.bytes.data();
  std::memcpy(bytes, kMagicFirst, 8);
  std::memcpy(bytes + 8, kMagicSecond, 8);
  bytes[16] = 1;
  std::memcpy(bytes + 20, marker.product.data(), marker.product.size());
  std::memcpy(bytes + 52, marker.version.data(), marker.version.size());
  const uint32_t crc = crc32(bytes, 84);
  for (size_t i = 0; i < 4; ++i) bytes[84 + i] = static_cast<uint8_t>(crc >> (8 * i));
  return marker;
}

std::string findScript(const uint8_t* bytes, size_t count) {
  // In two pieces, so that it is not found in an image that holds this program.
  const std::string prefix = std::string("otter-") + "device:";
  constexpr size_t kWordCharacters = 32;
  const uint8_t* end = bytes + count;
  for (const uint8_t* at = bytes;; ++at) {
    at = std::search(at, end, prefix.begin(), prefix.end());
    if (at == end) return "healthy";
    const uint8_t* word = at + prefix.size();
    const uint8_t* limit = word + std::min(kWordCharacters, static_cast<size_t>(end - word));
    const uint8_t* stop = std::find(word, limit, static_cast<uint8_t>(';'));
    if (stop != limit) return std::string(word, stop);
  }
}

}  // namespace board
