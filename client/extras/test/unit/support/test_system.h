// A board whose clock stands still until a test moves it.

#pragma once

#include <cstdint>
#include <cstring>

#include "hal/hal.h"

namespace otter_test {

class TestSystem : public otter::System {
 public:
  uint64_t timeMs = 1000;

  uint64_t nowMs() override { return timeMs; }
  uint32_t random() override { return 0x80000000U; }
  void rest(uint32_t ms) override { timeMs += ms; }
  bool isNetworkUp() override { return true; }
  uint32_t freeHeapBytes() override { return 200000; }
  uint32_t largestHeapBlockBytes() override { return 100000; }
  uint32_t flashBytes() override { return 4U << 20; }
  int rssiDbm() override { return -60; }
  void mac(char text[18]) override { std::strcpy(text, "24:6f:28:aa:bb:cc"); }
  const char* chip() override { return "esp32s3"; }
  uint16_t chipId() override { return 9; }
  uint16_t chipRevision() override { return otter::kUnknownRevision; }
  void onDownload(bool) override {}
};

}  // namespace otter_test
