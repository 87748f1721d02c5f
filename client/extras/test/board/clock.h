// The clock of a board: standing still until a test moves it, or running with the wall clock, perhaps faster.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace board {

class Clock {
 public:
  /** Only waits and `advanceUs` move it, and nothing ever takes time. The default. */
  void standStill();
  /** Runs with the wall clock, for tests with sockets; but a wait of the program takes no time, it moves the clock. */
  void skipWaits();
  /**
   * Runs this many times as fast as the wall clock, and `restSpeed` times faster still while a task of the program
   * rests: waits pass quickly, and the time limits of the network stay long enough for a busy computer.
   */
  void runAtSpeed(double speed, double restSpeed = 1);

  double speed() const { return speed_; }
  bool isSkippingWaits() const { return isSkipping_; }
  /** Microseconds since the board was made; a reset does not move it. */
  uint64_t nowUs() const;
  void advanceUs(uint64_t us) { skippedUs_ += us; }
  /** Waits in board time. */
  void sleepUs(uint64_t us);
  /** The same for a task that has nothing to do. */
  void restUs(uint64_t us);

 private:
  void start(double speed, bool isSkipping);

  /** 0: stands still. */
  double speed_ = 0;
  double restSpeed_ = 1;
  bool isSkipping_ = true;
  std::atomic<uint64_t> skippedUs_{0};
  std::chrono::steady_clock::time_point startedAt_ = std::chrono::steady_clock::now();
};

}  // namespace board
