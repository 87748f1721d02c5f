#include "board/image/image_maker.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>

namespace board {
namespace {

void writeUint32(Bytes& bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

void writeText(Bytes& bytes, size_t at, const std::string& text) { std::copy(text.begin(), text.end(), &bytes[at]); }

}  // namespace

Bytes makeImage(const ImageRecipe& recipe) {
  const Chip* chip = chipNamed(recipe.chip);
  if (chip == nullptr) throw std::runtime_error("no such chip: " + recipe.chip);
  constexpr size_t kHeadersBytes = 24 + 8;
  constexpr size_t kTextBytes = 48;
  // 16 for the checksum block, 32 for the digest.
  const size_t least = kHeadersBytes + kAppDescriptorBytes + kMarkerBytes + kTextBytes + 16 + 32;
  const size_t wanted = std::max(recipe.sizeBytes, least + 16) / 16 * 16;
  const size_t dataBytes = wanted - 32 - 16 - kHeadersBytes;
  Bytes image(wanted, 0);
  image[0] = 0xE9;
  image[1] = 1;
  image[2] = 2;
  image[3] = 0x2F;
  writeUint32(image, 4, 0x40080000);
  image[8] = 0xEE;
  image[12] = static_cast<uint8_t>(chip->id);
  image[13] = static_cast<uint8_t>(chip->id >> 8);
  image[23] = 1;
  writeUint32(image, 24, 0x3F400020);
  writeUint32(image, 28, static_cast<uint32_t>(dataBytes));

  std::mt19937 random(recipe.seed);
  const auto noise = [&random] { return static_cast<uint8_t>(random()); };
  std::generate_n(&image[kHeadersBytes], dataBytes, noise);
  std::fill_n(&image[kAppDescriptorAt], kAppDescriptorBytes, uint8_t{0});
  writeUint32(image, kAppDescriptorAt, 0xABCD5432);
  writeUint32(image, kAppDescriptorAt + 4, recipe.securityVersion);
  writeText(image, kAppDescriptorAt + 16, "sdk");
  writeText(image, kAppDescriptorAt + 48, "arduino-lib-builder");
  std::generate_n(&image[kAppDescriptorAt + 144], 32, noise);

  size_t at = kAppDescriptorAt + kAppDescriptorBytes;
  if (!recipe.product.empty()) {
    const Marker marker = makeMarker(recipe.product, recipe.version);
    std::copy(marker.bytes.begin(), marker.bytes.end(), &image[at]);
    at += kMarkerBytes;
  }
  if (recipe.script != "healthy") writeText(image, at, std::string("otter-") + "device:" + recipe.script + ";");
  resealImage(image);
  return image;
}

void resealImage(Bytes& image) {
  const size_t dataEnd = image.size() - 32 - 16;
  uint8_t checksum = 0xEF;
  for (size_t at = 32; at < dataEnd; ++at) checksum = static_cast<uint8_t>(checksum ^ image[at]);
  const size_t summedBytes = (dataEnd + 16) / 16 * 16;
  image.resize(summedBytes + 32);
  image[summedBytes - 1] = checksum;
  const Sha256 digest = sha256Of(image.data(), summedBytes);
  std::copy(digest.begin(), digest.end(), &image[summedBytes]);
}

}  // namespace board
