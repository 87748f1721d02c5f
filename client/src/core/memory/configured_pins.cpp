#include "configured_pins.h"

#include <stddef.h>
#include <string.h>

#include "../firmware_marker.h"
#include "../offer/manifest.h"
#include "../update/settings.h"

namespace otter {
namespace {

constexpr uint8_t kFormat = 1;
constexpr const char* kKey = "pins";
constexpr size_t kProductBytes = kMaxNameChars + 1;

/** What is stored; read and written as bytes, so it has no gaps. */
struct Blob {
  uint8_t format;
  uint8_t pinCount;
  uint8_t signerCount;
  uint8_t sequence[4];
  uint8_t pins[kConfiguredPins][32];
  char signers[kReleaseKeys][kKeyIdBytes];
  char product[kProductBytes];
  uint8_t crc[4];
};
static_assert(alignof(Blob) == 1, "a blob is bytes");

void write32(uint8_t bytes[4], uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint32_t read32(const uint8_t bytes[4]) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= static_cast<uint32_t>(bytes[i]) << (8 * i);
  return value;
}

uint32_t crcOf(const Blob& blob) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&blob);
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 0; i < offsetof(Blob, crc); ++i) crc = crc32Step(crc, bytes[i]);
  return ~crc;
}

bool isWhole(const Blob& blob) {
  return blob.format == kFormat && blob.pinCount > 0 && blob.pinCount <= kConfiguredPins &&
         blob.signerCount <= kReleaseKeys && read32(blob.crc) == crcOf(blob);
}

/** So many of those who signed it are keys of this sketch as it wants. */
bool isTakenFrom(const Blob& blob, const ReleaseKeys& keys) {
  size_t known = 0;
  for (size_t key = 0; key < keys.count; ++key) {
    char id[kKeyIdBytes];
    if (!keyIdOf(keys.pems[key], id)) continue;
    for (size_t signer = 0; signer < blob.signerCount; ++signer)
      if (memcmp(blob.signers[signer], id, sizeof id) == 0) ++known;
  }
  return keys.needed > 0 && known >= keys.needed;
}

bool isExpired(const Configuration& configuration, const ConfigurationFacts& facts) {
  const int64_t nowS = facts.nowS > facts.leastS ? facts.nowS : facts.leastS;
  int64_t expiresS = 0;
  return nowS > 0 && parseInstant(configuration.expiresAt, expiresS) && expiresS <= nowS;
}

}  // namespace

void ConfiguredPins::load(const char* product, const ReleaseKeys& keys) {
  count_ = 0;
  sequence_ = 0;
  Blob blob;
  if (store_.load(kKey, reinterpret_cast<uint8_t*>(&blob), sizeof blob) != sizeof blob || !isWhole(blob)) return;
  if (strncmp(blob.product, product, sizeof blob.product) != 0) return;
  sequence_ = read32(blob.sequence);
  if (!isTakenFrom(blob, keys)) return;
  for (; count_ < blob.pinCount; ++count_) {
    pins_[count_].kind = Pin::Kind::spki;
    memcpy(pins_[count_].sha256, blob.pins[count_], sizeof blob.pins[count_]);
  }
}

Error ConfiguredPins::take(const Json& value, const ConfigurationFacts& facts, bool& isNew) {
  isNew = false;
  Configuration configuration;
  const Error read = readConfiguration(value, configuration);
  if (read != Error::ok) return read;
  if (strcmp(configuration.product, facts.product) != 0) return Error::product;
  if (configuration.sequence == sequence_ && count_ > 0) return Error::ok;
  if (configuration.sequence < sequence_) return Error::sequence;
  if (isExpired(configuration, facts)) return Error::expired;
  char text[kConfigurationTextBytes];
  const size_t length = writeCanonicalText(configuration, text);
  const uint8_t signers = findSigners(text, length, value.member("signatures"), facts.keys);
  if (signers == 0) return Error::signature;
  const Error stored = store(configuration, facts.keys, signers);
  if (stored != Error::ok) return stored;
  sequence_ = configuration.sequence;
  count_ = configuration.pinCount;
  memcpy(pins_, configuration.pins, sizeof pins_);
  isNew = true;
  return Error::ok;
}

Error ConfiguredPins::store(const Configuration& configuration, const ReleaseKeys& keys, uint8_t signers) {
  Blob blob;
  memset(&blob, 0, sizeof blob);
  blob.format = kFormat;
  blob.pinCount = configuration.pinCount;
  write32(blob.sequence, configuration.sequence);
  for (size_t i = 0; i < configuration.pinCount; ++i)
    memcpy(blob.pins[i], configuration.pins[i].sha256, sizeof blob.pins[i]);
  for (size_t key = 0; key < keys.count; ++key) {
    if ((signers & (1U << key)) == 0 || blob.signerCount == kReleaseKeys) continue;
    if (keyIdOf(keys.pems[key], blob.signers[blob.signerCount])) ++blob.signerCount;
  }
  memcpy(blob.product, configuration.product, sizeof blob.product);
  write32(blob.crc, crcOf(blob));
  return store_.save(kKey, reinterpret_cast<const uint8_t*>(&blob), sizeof blob);
}

}  // namespace otter
