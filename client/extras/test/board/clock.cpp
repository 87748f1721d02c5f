#include "clock.h"

#include <thread>

namespace board {

void Clock::standStill() { start(0, true); }

void Clock::skipWaits() { start(1, true); }

void Clock::runAtSpeed(double speed) { start(speed, false); }

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

}  // namespace board
