#include "back_off.h"

namespace otter {
namespace {

constexpr uint32_t kDayS = 86400;

/** A number from `low` to `high`, both included. */
uint32_t between(uint32_t low, uint32_t high, uint32_t random) {
  return low + static_cast<uint32_t>((static_cast<uint64_t>(high - low + 1) * random) >> 32);
}

}  // namespace

uint32_t firstCheckWaitMs(uint32_t random) { return between(5000, 120000, random); }

uint32_t trialCheckWaitMs(uint32_t random) { return between(2000, 10000, random); }

uint32_t trialRetryWaitMs(uint32_t failures, uint32_t random) {
  const uint32_t waitMs = failures < 3 ? 5000U << failures : 30000U;
  return between(waitMs / 2, waitMs, random);
}

uint32_t pollWaitMs(uint32_t intervalS, uint32_t random) { return between(intervalS * 900, intervalS * 1100, random); }

uint32_t backOffMs(uint32_t failures, uint32_t longestS, uint32_t random) {
  uint32_t waitS = 60;
  for (uint32_t i = 0; i < failures && waitS < longestS; ++i) waitS *= 2;
  if (waitS > longestS) waitS = longestS;
  return between(waitS * 500, waitS * 1000, random);
}

uint32_t retryAfterMs(uint32_t seconds, uint32_t random) {
  if (seconds > kDayS) seconds = kDayS;
  // At most 86 400 s times 1 250: within 32 bits.
  const uint32_t waitMs = between(seconds * 1000, seconds * 1250, random);
  return waitMs > kDayS * 1000 ? kDayS * 1000 : waitMs;
}

}  // namespace otter
