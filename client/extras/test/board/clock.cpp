#include "clock.h"

#include <thread>

namespace board {

void Clock::standStill() { start(0, true); }

void Clock::skipWaits() { start(1, true); }

void Clock::runAtSpeed(double speed, double restSpeed) {
  start(speed, false);
  restSpeed_ = restSpeed;
}

void Clock::start(double speed, bool isSkipping) {
  skippedUs_ = nowUs();
  startedAt_ = std::chrono::steady_clock::now();
  speed_ = speed;
  isSkipping_ = isSkipping;
}

uint64_t Clock::nowUs() const {
  const std::chrono::duration<double, std::micro> wall = std::chrono::steady_clock::now() - startedAt_;
  return skippedUs_ + static_cast<uint64_t>(wall.count() * speed_);
}

void Clock::sleepUs(uint64_t us) {
  if (isSkipping_) {
    advanceUs(us);
    std::this_thread::yield();
    return;
  }
  std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(static_cast<double>(us) / speed_));
}

void Clock::restUs(uint64_t us) {
  if (isSkipping_ || restSpeed_ <= 1) return sleepUs(us);
  const uint64_t endUs = nowUs() + us;
  sleepUs(static_cast<uint64_t>(static_cast<double>(us) / restSpeed_));
  const uint64_t wokenUs = nowUs();
  if (wokenUs < endUs) advanceUs(endUs - wokenUs);
}

}  // namespace board
