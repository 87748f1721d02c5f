#include "image_head.h"

#include <string.h>

#include "../bytes.h"

namespace otter {
namespace {

constexpr uint8_t kImageMagic = 0xE9;
constexpr uint8_t kMaxSegments = 16;
constexpr size_t kChipIdOffset = 12;
constexpr size_t kMinRevisionOffset = 15;
constexpr size_t kMaxRevisionOffset = 17;
constexpr size_t kHashAppendedOffset = 23;
constexpr size_t kFirstSegmentLengthOffset = 28;
constexpr size_t kFirstSegmentDataOffset = 32;
constexpr uint32_t kDescriptorMagic = 0xABCD5432;
constexpr size_t kElfSha256Offset = 0xB0;

uint16_t readU16(const uint8_t* at) { return static_cast<uint16_t>(at[0] | (at[1] << 8)); }

uint32_t readU32(const uint8_t* at) { return readU16(at) | (static_cast<uint32_t>(readU16(at + 2)) << 16); }

/** As the bootloader compares them (`bootloader_common_check_chip_validity`). */
bool isForRevision(const uint8_t* bytes, uint16_t revision) {
  if (revision == kUnknownRevision) return true;
  const uint16_t least = readU16(bytes + kMinRevisionOffset);
  const uint16_t most = readU16(bytes + kMaxRevisionOffset);
  const bool isLimited = most != 0 && most != UINT16_MAX;
  return revision >= least && (!isLimited || revision <= most);
}

}  // namespace

Error checkImageHead(const uint8_t* bytes, const ImageFacts& facts, const uint8_t elfSha256[32]) {
  if (bytes[0] != kImageMagic || bytes[1] == 0 || bytes[1] > kMaxSegments) return Error::image;
  if (readU16(bytes + kChipIdOffset) != facts.chipId) return Error::chip;
  if (!isForRevision(bytes, facts.chipRevision)) return Error::chip;
  if (bytes[kHashAppendedOffset] != 1) return Error::image;
  const uint32_t segmentBytes = readU32(bytes + kFirstSegmentLengthOffset);
  if (segmentBytes % 4 != 0 || segmentBytes > facts.sizeBytes - kFirstSegmentDataOffset) return Error::image;
  if (isAllZero(elfSha256, 32)) return Error::ok;
  const bool isNamed = readU32(bytes + kFirstSegmentDataOffset) == kDescriptorMagic &&
                       memcmp(bytes + kElfSha256Offset, elfSha256, 32) == 0;
  return isNamed ? Error::ok : Error::hash;
}

}  // namespace otter
