// The waits stay within the bounds of docs/device-protocol.md, whatever the 32 random bits are, and reach both of them.

#include "core/memory/back_off.h"

#include <doctest/doctest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

using namespace otter;

namespace {

struct Row {
  std::string name;
  std::function<uint32_t(uint32_t)> wait;
  uint32_t lowMs;
  uint32_t highMs;
};

const std::vector<Row> kRows = {
    {"first check", firstCheckWaitMs, 5'000, 120'000},
    {"first check on trial", trialCheckWaitMs, 2'000, 10'000},
    {"on trial, no failure before", [](uint32_t r) { return trialRetryWaitMs(0, r); }, 2'500, 5'000},
    {"on trial, 1 failure before", [](uint32_t r) { return trialRetryWaitMs(1, r); }, 5'000, 10'000},
    {"on trial, 2 failures before", [](uint32_t r) { return trialRetryWaitMs(2, r); }, 10'000, 20'000},
    {"on trial, 3 failures before", [](uint32_t r) { return trialRetryWaitMs(3, r); }, 15'000, 30'000},
    {"on trial, 4e9 failures before", [](uint32_t r) { return trialRetryWaitMs(UINT32_MAX, r); }, 15'000, 30'000},
    {"shortest interval", [](uint32_t r) { return pollWaitMs(30, r); }, 27'000, 33'000},
    {"600 s", [](uint32_t r) { return pollWaitMs(600, r); }, 540'000, 660'000},
    {"longest interval", [](uint32_t r) { return pollWaitMs(86'400, r); }, 77'760'000, 95'040'000},
    {"0 failures", [](uint32_t r) { return backOffMs(0, kLongestBackOffS, r); }, 30'000, 60'000},
    {"1 failure", [](uint32_t r) { return backOffMs(1, kLongestBackOffS, r); }, 60'000, 120'000},
    {"5 failures", [](uint32_t r) { return backOffMs(5, kLongestBackOffS, r); }, 960'000, 1'920'000},
    {"8 failures", [](uint32_t r) { return backOffMs(8, kLongestBackOffS, r); }, 7'680'000, 15'360'000},
    {"9 failures", [](uint32_t r) { return backOffMs(9, kLongestBackOffS, r); }, 10'800'000, 21'600'000},
    {"32 failures", [](uint32_t r) { return backOffMs(32, kLongestBackOffS, r); }, 10'800'000, 21'600'000},
    {"4e9 failures", [](uint32_t r) { return backOffMs(UINT32_MAX, kLongestBackOffS, r); }, 10'800'000, 21'600'000},
    {"a refused token", [](uint32_t r) { return backOffMs(20, kLongestAuthBackOffS, r); }, 1'800'000, 3'600'000},
    {"Retry-After: 0", [](uint32_t r) { return retryAfterMs(0, r); }, 0, 0},
    {"Retry-After: 1", [](uint32_t r) { return retryAfterMs(1, r); }, 1'000, 1'250},
    {"Retry-After: 3600", [](uint32_t r) { return retryAfterMs(3600, r); }, 3'600'000, 4'500'000},
    {"Retry-After: a day", [](uint32_t r) { return retryAfterMs(86'400, r); }, 86'400'000, 86'400'000},
    {"Retry-After: for ever", [](uint32_t r) { return retryAfterMs(UINT32_MAX, r); }, 86'400'000, 86'400'000},
};

}  // namespace

TEST_CASE("every wait stays within its bounds and reaches them") {
  std::mt19937 random(1);
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    CHECK(row.wait(0) == row.lowMs);
    CHECK(row.wait(UINT32_MAX) == row.highMs);
    for (int i = 0; i < 20'000; ++i) {
      const uint32_t waitMs = row.wait(static_cast<uint32_t>(random()));
      if (waitMs < row.lowMs || waitMs > row.highMs) FAIL("waits " << waitMs << " ms");
    }
  }
}

TEST_CASE("waits are spread over their range") {
  std::mt19937 random(2);
  uint64_t sum = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) sum += pollWaitMs(600, static_cast<uint32_t>(random()));
  CHECK(sum / kDraws > 599'000);
  CHECK(sum / kDraws < 601'000);
}
