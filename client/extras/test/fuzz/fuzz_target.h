// What the fuzz targets share: a broken invariant or a large piece of heap ends the process, so that libFuzzer keeps
// the input.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fuzz {

/** Larger than any buffer of a target, smaller than what a board could not spare. */
constexpr size_t kMaxAllocationBytes = 16384;

/** While one lives, no piece of heap may be larger than `kMaxAllocationBytes`. */
class Running {
 public:
  Running();
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

/** The invariant must hold. */
void require(bool holds);

/** Takes an input apart from the front; at its end it gives zeros. */
class Input {
 public:
  Input(const uint8_t* bytes, size_t count) : bytes_(bytes), count_(count) {}

  uint8_t byte() {
    if (count_ == 0) return 0;
    --count_;
    return *bytes_++;
  }
  uint32_t number() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = (value << 8) | byte();
    return value;
  }
  void fill(uint8_t* out, size_t count) {
    for (size_t i = 0; i < count; ++i) out[i] = byte();
  }
  std::string rest() const { return {reinterpret_cast<const char*>(bytes_), count_}; }

 private:
  const uint8_t* bytes_;
  size_t count_;
};

}  // namespace fuzz
