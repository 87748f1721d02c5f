// One image on its way from the server into the spare slot: resumed where the connection broke, hashed while it is
// written, hashed again from flash. It never makes the slot bootable.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"
#include "http_client.h"
#include "../offer/manifest.h"
#include "../trust/sha256.h"

namespace otter {

/** SHA-256 of an image whose first bytes are withheld from the slot. `flash_read`; `flash_hash` where it is another. */
Error verifySlot(SpareSlot& slot, const uint8_t header[kHeaderBytes], uint32_t sizeBytes, const uint8_t sha256[32],
                 uint8_t* buffer, size_t capacity);

class Download {
 public:
  Download(HttpClient& http, SpareSlot& slot, System& system) : http_(http), slot_(slot), system_(system) {}

  /** Begins at byte 0. `offer` lives as long as the download. */
  void start(const CheckAnswer& offer);

  /**
   * One piece of at most `capacity` bytes (at least `kImageHeadBytes`): asks the server where no answer is open, reads,
   * checks, writes. After an error of the network or the server it may be called again and goes on where it stopped,
   * unless `isFinal` is set.
   */
  Error step(uint8_t* buffer, size_t capacity, bool& isFinal);

  bool isComplete() const { return doneBytes_ == offer_->manifest.sizeBytes; }

  /** After the last byte: compares the hash, seals the slot and hashes what is in flash. `hash`, `flash_hash`. */
  Error verify(uint8_t header[kHeaderBytes], uint8_t* buffer, size_t capacity);

  /** Ends it where it is. */
  void abort();

  uint32_t doneBytes() const { return doneBytes_; }
  /** What the last answer asked to wait; 0 where it did not. */
  uint32_t retryAfterS() const { return retryAfterS_; }

 private:
  Error request(bool& isFinal);
  Error takeAnswer(const HttpHead& head, bool& isFinal);
  Error readPiece(uint8_t* buffer, size_t capacity, size_t& count, bool& isFinal);
  Error writePiece(uint8_t* buffer, size_t count);
  Error checkPace(size_t received, bool& isFinal);
  void startOver();

  HttpClient& http_;
  SpareSlot& slot_;
  System& system_;
  const CheckAnswer* offer_ = nullptr;
  Sha256 sha256_;
  uint32_t doneBytes_ = 0;
  uint32_t retryAfterS_ = 0;
  bool isAnswerOpen_ = false;
  bool isSlotOpen_ = false;
  char etag_[72];
  /** Time spent in answers, for the total deadline; and the window in which the speed is measured. */
  uint64_t activeMs_ = 0;
  uint64_t lastMs_ = 0;
  uint64_t windowStartMs_ = 0;
  uint32_t windowBytes_ = 0;
};

}  // namespace otter
