// Any bytes as what NVS gives back for the token and for what was said of it, with and without a CRC that is right: what
// comes out can stand in a header, and comes back after it was written.

#include <cstring>
#include <map>

#include "core/firmware_marker.h"
#include "core/memory/device_token.h"
#include "fuzz_target.h"

using namespace otter;

namespace {

class Blobs final : public Store {
 public:
  std::map<std::string, std::string> values;

  size_t load(const char* key, uint8_t* bytes, size_t capacity) override {
    const std::string& value = values[key];
    if (value.size() > capacity) return 0;
    std::memcpy(bytes, value.data(), value.size());
    return value.size();
  }
  Error save(const char* key, const uint8_t* bytes, size_t count) override {
    values[key].assign(reinterpret_cast<const char*>(bytes), count);
    return Error::ok;
  }
};

std::string sealed(std::string blob) {
  if (blob.size() < 4) return blob;
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 0; i + 4 < blob.size(); ++i) crc = crc32Step(crc, static_cast<uint8_t>(blob[i]));
  crc = ~crc;
  for (size_t i = 0; i < 4; ++i) blob[blob.size() - 4 + i] = static_cast<char>(crc >> (8 * i));
  return blob;
}

bool isToken(const char* text) {
  if (std::strlen(text) != kDeviceTokenBytes - 1 || std::strncmp(text, "otd_", 4) != 0) return false;
  return std::strspn(text + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == 43;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const fuzz::Running running;
  fuzz::Input input(bytes, count);
  const uint8_t how = input.byte();
  const uint64_t nowMs = input.number();
  const int64_t serverTimeS = input.number();
  const std::string rest = input.rest();
  const size_t tokenBytes = rest.size() < 37 ? rest.size() : 37;
  Blobs store;
  store.values["token"] = rest.substr(0, tokenBytes);
  store.values["token_state"] = rest.substr(tokenBytes);
  for (auto& [key, blob] : store.values)
    if (how % 2 == 1) blob = sealed(blob);
  // What was said belongs to this token.
  std::string& said = store.values["token_state"];
  if (how % 4 == 3 && tokenBytes == 37 && said.size() == 18)
    said = sealed(said.substr(0, 2) + store.values["token"].substr(33) + said.substr(6));
  DeviceToken token(store);
  token.load();
  fuzz::require(token.text()[0] == '\0' || isToken(token.text()));
  fuzz::require(!token.isAccepted() || token.isOwn());
  const bool mayAsk = token.mayAsk(nowMs, serverTimeS);
  fuzz::require(!mayAsk || !token.isAccepted());
  // However wrong a clock was: within a day it asks.
  fuzz::require(token.isAccepted() || token.mayAsk(nowMs + 86400000, serverTimeS));
  token.note(static_cast<TokenState>(how % 5), 3600, nowMs, serverTimeS);
  DeviceToken again(store);
  again.load();
  fuzz::require(std::strcmp(again.text(), token.text()) == 0);
  fuzz::require(token.text()[0] == '\0' || again.isAccepted() == token.isAccepted());
  return 0;
}
