// The first bytes of an image beyond the shared vectors: every single changed bit, and which of them count.

#include "core/offer/image_head.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "core/offer/manifest.h"
#include "support/vectors.h"

using namespace otter;

TEST_CASE("of the first 288 bytes exactly those count that are checked") {
  const vectors::File file("image-heads.json");
  const std::string image = vectors::fromHex(vectors::text(file.member("base_hex")));
  uint8_t elfSha256[32];
  std::fill(std::begin(elfSha256), std::end(elfSha256), uint8_t{0xE5});
  const auto sizeBytes = static_cast<uint32_t>(image.size());
  std::set<size_t> counts;
  for (size_t bit = 0; bit < kImageHeadBytes * 8; ++bit) {
    std::vector<uint8_t> head(image.begin(), image.begin() + kImageHeadBytes);
    head[bit / 8] = static_cast<uint8_t>(head[bit / 8] ^ (1U << (bit % 8)));
    const Error error = checkImageHead(head.data(), {9, kUnknownRevision, sizeBytes}, elfSha256);
    const size_t at = bit / 8;
    CAPTURE(bit);
    if (error == Error::ok) continue;
    counts.insert(at);
    const bool isChip = at == 12 || at == 13;
    const bool isDescriptor = (at >= 0x20 && at < 0x24) || (at >= 0xB0 && at < 0xD0);
    CHECK(error == (isChip ? Error::chip : isDescriptor ? Error::hash : Error::image));
  }
  std::set<size_t> expected = {0, 1, 12, 13, 23, 28, 29, 30, 31, 0x20, 0x21, 0x22, 0x23};
  for (size_t at = 0xB0; at < 0xD0; ++at) expected.insert(at);
  CHECK(counts == expected);
}

TEST_CASE("an image for other revisions of the chip is refused, by the limits of its header") {
  struct Row {
    uint16_t least;
    uint16_t most;
    uint16_t revision;
    Error says;
  };
  const Row rows[] = {
      {0, 65535, 0, Error::ok},     {0, 0, 301, Error::ok},         {301, 65535, 301, Error::ok},
      {301, 65535, 300, Error::chip}, {301, 0, 300, Error::chip},   {0, 199, 199, Error::ok},
      {0, 199, 200, Error::chip},   {100, 199, 99, Error::chip},    {300, 399, 65535, Error::ok},
      {0, 65534, 65534, Error::ok}, {256, 65535, 255, Error::chip}, {1, 65535, 256, Error::ok},
  };
  const vectors::File file("image-heads.json");
  const std::string image = vectors::fromHex(vectors::text(file.member("base_hex")));
  for (const Row& row : rows) {
    std::vector<uint8_t> head(image.begin(), image.begin() + kImageHeadBytes);
    head[15] = static_cast<uint8_t>(row.least);
    head[16] = static_cast<uint8_t>(row.least >> 8);
    head[17] = static_cast<uint8_t>(row.most);
    head[18] = static_cast<uint8_t>(row.most >> 8);
    const uint8_t noElf[32] = {};
    const ImageFacts facts = {9, row.revision, static_cast<uint32_t>(image.size())};
    CAPTURE(row.least);
    CAPTURE(row.most);
    CAPTURE(row.revision);
    CHECK(checkImageHead(head.data(), facts, noElf) == row.says);
  }
}
