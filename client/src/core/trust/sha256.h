// SHA-256 in pieces. Implemented in `net/sha256.cpp` with mbedTLS, which has the hardware of the chip behind it.

#pragma once

#include <stddef.h>
#include <stdint.h>

namespace otter {

/** Room for the state of mbedTLS: 108 bytes in 2.28, about 230 in 4 (PSA). */
constexpr size_t kSha256StateBytes = 256;

/** No heap. May be given up or begun anew at any time. */
class Sha256 {
 public:
  Sha256() = default;
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void begin();
  /** Any number of bytes, 0 too. */
  void update(const uint8_t* bytes, size_t count);
  /**
   * Ends what `begin` began. False, and 32 zeros, where `begin` was not called or the crypto library failed: the hash
   * of nothing we know, which must not be compared with anything.
   */
  bool finish(uint8_t sha256[32]);

 private:
  void free();

  enum class Phase : uint8_t { idle, running, failed };
  alignas(8) uint8_t state_[kSha256StateBytes];
  Phase phase_ = Phase::idle;
};

}  // namespace otter
