// Any bytes as the beginning of an image: what is accepted is an application for this chip.

#include <cstring>
#include <vector>

#include "core/error_table.h"
#include "core/offer/image_head.h"
#include "fuzz_target.h"

using namespace otter;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const fuzz::Running running;
  fuzz::Input input(bytes, count);
  // Exact room, so that ASan sees a byte too much.
  std::vector<uint8_t> head(kImageHeadBytes);
  input.fill(head.data(), head.size());
  const auto chipId = static_cast<uint16_t>(input.number());
  // No offer is smaller: `validateOffer` and `Download` see to that.
  const uint32_t sizeBytes = input.number() % (kMaxImageBytes - kMinImageBytes + 1) + kMinImageBytes;
  uint8_t elfSha256[32];
  input.fill(elfSha256, sizeof elfSha256);
  const auto revision = static_cast<uint16_t>(input.number());
  const Error error = checkImageHead(head.data(), {chipId, revision, sizeBytes}, elfSha256);
  fuzz::require(error == Error::ok || error == Error::image || error == Error::chip || error == Error::hash);
  if (error != Error::ok) return 0;
  const uint32_t segmentBytes = head[28] | (head[29] << 8) | (head[30] << 16) | (static_cast<uint32_t>(head[31]) << 24);
  fuzz::require(head[0] == 0xE9 && head[1] >= 1 && head[1] <= 16 && head[23] == 1);
  fuzz::require((head[12] | (head[13] << 8)) == chipId);
  fuzz::require(revision == kUnknownRevision || (head[15] | (head[16] << 8)) <= revision);
  fuzz::require(segmentBytes % 4 == 0 && 32ULL + segmentBytes <= sizeBytes);
  static constexpr uint8_t kNone[32] = {};
  fuzz::require(std::memcmp(elfSha256, kNone, 32) == 0 || std::memcmp(head.data() + 0xB0, elfSha256, 32) == 0);
  return 0;
}
