// The token of this board: made here once from 32 random bytes, and what the server said of it last. It is stored
// before the server hears of it, so that a power cut or a lost answer leaves a board that asks again with the same one
// (docs/device-protocol.md, "A board enrols").
//
// Two blobs in NVS, each with a format version and a CRC. The token is written once and never again unless the server
// says that it is another board's; so no write of what the server said can cost it. A blob that is torn or gone is an
// empty one: the board goes on with the fleet token and asks again. Nothing is written per check: at most once an hour,
// and only while the server has not accepted the token.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"

namespace otter {

/** `otd_`, 32 bytes in base64url without padding, NUL. */
constexpr size_t kDeviceTokenBytes = 4 + 43 + 1;

/** What the server said of the token last. The values are stored. */
enum class TokenState : uint8_t {
  /** Nothing yet. */
  unasked,
  /** A person has to accept it. */
  pending,
  /** It works. */
  accepted,
  /** It was accepted, and does not work any more. */
  refused,
  /** It is that of another board, whose flash was copied to this one: it needs a new one. */
  foreign
};

class DeviceToken {
 public:
  explicit DeviceToken(Store& store) : store_(store) {}

  void load();

  /** There is one, and it is this board's. */
  bool isOwn() const { return text_[0] != '\0' && state_ != TokenState::foreign; }
  bool isAccepted() const { return isOwn() && state_ == TokenState::accepted; }
  /** `otd_...`; empty where there is none. It stays at its place for as long as this object lives. */
  const char* text() const { return text_; }

  /** Makes a new one and stores it. `nvs`: nothing has changed. */
  Error make(System& system);

  /** It is not accepted, and enough time has passed since the last answer. `serverTimeS` 0: not known. */
  bool mayAsk(uint64_t nowMs, int64_t serverTimeS);
  /** An answer: what it says, and for how long not to ask again, over a restart too where the time is known. */
  void note(TokenState state, uint32_t waitS, uint64_t nowMs, int64_t serverTimeS);
  /** It does not work any more. When to ask stays as the last answer to asking said. */
  void refuse(TokenState state);
  /** No answer: for this start of the program only. */
  void askAt(uint64_t atMs) { askAtMs_ = atMs; }

 private:
  void show(const uint8_t* bytes);
  void save();

  Store& store_;
  char text_[kDeviceTokenBytes] = {};
  /** The CRC of the token's blob: what was said of another token is not believed of this one. */
  uint32_t crc_ = 0;
  TokenState state_ = TokenState::unasked;
  uint64_t askAtMs_ = 0;
  /** The same in the time of the server. 0: it was not known. */
  int64_t askAtS_ = 0;
  /** `askAtS_` comes from before this start, and `askAtMs_` does not know of it yet. */
  bool isFromBefore_ = false;
};

}  // namespace otter
