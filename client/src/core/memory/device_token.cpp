#include "device_token.h"

#include <string.h>

#include "../firmware_marker.h"
#include "../trust/base64.h"

namespace otter {
namespace {

constexpr uint8_t kFormat = 1;
constexpr const char* kTokenKey = "token";
constexpr const char* kStateKey = "token_state";
constexpr size_t kRandomBytes = 32;
/** Format, random bytes, CRC. */
constexpr size_t kTokenBlobBytes = 1 + kRandomBytes + 4;
/** Format, state, CRC of the token's blob, when to ask again, CRC. */
constexpr size_t kStateBlobBytes = 1 + 1 + 4 + 8 + 4;
/** No wait is longer: a stored time that is further away comes from a clock that was wrong. */
constexpr int64_t kLongestWaitS = 86400;

void write(uint8_t* bytes, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint64_t read(const uint8_t* bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

/** The CRC of a blob without its last 4 bytes, where it belongs. */
uint32_t crcOf(const uint8_t* blob, size_t count) {
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 0; i + 4 < count; ++i) crc = crc32Step(crc, blob[i]);
  return ~crc;
}

bool isWhole(const uint8_t* blob, size_t count) {
  return blob[0] == kFormat && read(blob + count - 4, 4) == crcOf(blob, count);
}

}  // namespace

void DeviceToken::load() {
  uint8_t token[kTokenBlobBytes];
  if (store_.load(kTokenKey, token, sizeof token) != sizeof token || !isWhole(token, sizeof token)) return;
  show(token);
  uint8_t said[kStateBlobBytes];
  if (store_.load(kStateKey, said, sizeof said) != sizeof said || !isWhole(said, sizeof said)) return;
  if (read(said + 2, 4) != crc_ || said[1] > static_cast<uint8_t>(TokenState::foreign)) return;
  state_ = static_cast<TokenState>(said[1]);
  askAtS_ = static_cast<int64_t>(read(said + 6, 8));
  isFromBefore_ = true;
}

Error DeviceToken::make(System& system) {
  uint8_t token[kTokenBlobBytes] = {kFormat};
  for (size_t i = 0; i < kRandomBytes; i += 4) write(token + 1 + i, system.random(), 4);
  write(token + sizeof token - 4, crcOf(token, sizeof token), 4);
  const Error error = store_.save(kTokenKey, token, sizeof token);
  if (error == Error::ok) show(token);
  return error;
}

/** From its blob. Nothing was said of it yet. */
void DeviceToken::show(const uint8_t* bytes) {
  memcpy(text_, "otd_", 4);
  encodeBase64Url(bytes + 1, kRandomBytes, text_ + 4);
  crc_ = static_cast<uint32_t>(read(bytes + kTokenBlobBytes - 4, 4));
  state_ = TokenState::unasked;
}

bool DeviceToken::mayAsk(uint64_t nowMs, int64_t serverTimeS) {
  if (isAccepted()) return false;
  if (isFromBefore_ && serverTimeS > 0) {
    isFromBefore_ = false;
    if (askAtS_ > serverTimeS && askAtS_ <= serverTimeS + kLongestWaitS)
      askAtMs_ = nowMs + static_cast<uint64_t>(askAtS_ - serverTimeS) * 1000;
  }
  return nowMs >= askAtMs_;
}

void DeviceToken::note(TokenState state, uint32_t waitS, uint64_t nowMs, int64_t serverTimeS) {
  state_ = state;
  askAtMs_ = nowMs + static_cast<uint64_t>(waitS) * 1000;
  askAtS_ = serverTimeS > 0 ? serverTimeS + waitS : 0;
  isFromBefore_ = false;
  save();
}

void DeviceToken::refuse(TokenState state) {
  if (state_ == state) return;
  state_ = state;
  save();
}

/** A write that fails costs at worst a request more after the next start. */
void DeviceToken::save() {
  uint8_t said[kStateBlobBytes] = {kFormat, static_cast<uint8_t>(state_)};
  write(said + 2, crc_, 4);
  write(said + 6, static_cast<uint64_t>(askAtS_), 8);
  write(said + sizeof said - 4, crcOf(said, sizeof said), 4);
  store_.save(kStateKey, said, sizeof said);
}

}  // namespace otter
