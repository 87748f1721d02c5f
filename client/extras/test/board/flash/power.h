// Electric power of a board: counts every operation that changes flash or NVS, and takes the power away at one of them.
// It never decides what an operation does; each operation says itself what it leaves behind when it is torn.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>

namespace board {

/** What a power cut leaves of the operation that it hits. */
enum class Tear : uint8_t {
  /** Nothing has happened yet. */
  before,
  /** Half of the bytes are done. */
  partial,
  /** All is done, then the power goes. */
  after,
  /** The bytes that were touched hold noise, within the rules of the memory. */
  garbage
};

const char* nameOf(Tear tear);
/** False where no tear has this name. */
bool tearNamed(const std::string& name, Tear& tear);

/** Why the chip starts (`esp_reset_reason_t`). */
enum class ResetReason : uint8_t {
  unknown,
  power_on,
  external,
  software,
  panic,
  interrupt_watchdog,
  task_watchdog,
  other_watchdog,
  deep_sleep,
  brownout,
  sdio,
  usb,
  jtag,
  efuse,
  pwr_glitch,
  cpu_lockup
};

const char* nameOf(ResetReason reason);

/** Thrown where the power goes away. The next thing to do is `powerOn`. */
struct PowerCut {
  uint64_t operation;
};

/** Thrown where the chip resets itself: `esp_restart`, a panic, a watchdog, deep sleep. */
struct Restart {
  ResetReason reason;
};

class Power {
 public:
  explicit Power(uint32_t noiseSeed) : noise_(noiseSeed) {}
  Power(const Power&) = delete;
  Power& operator=(const Power&) = delete;

  /** Cuts once, at the operation with this number (1 is the first of the board's life). 0 takes the order back. */
  void cutAt(uint64_t operation, Tear tear);
  /** Operations so far. */
  uint64_t operations() const { return *operations_; }
  /** Where the count is kept instead, such as in memory that several processes share. */
  void keepCountIn(uint64_t* operations) { operations_ = operations; }

  bool isOn() const { return isOn_; }
  void turnOn();
  /** Somebody pulls the plug. Whatever the program does next ends it with `PowerCut`. */
  void turnOff();
  /** Why the chip went off: nothing for a power cut. */
  std::optional<ResetReason> restartReason() const;
  /** Ends the program where the chip is off; every wait of a program goes through here. */
  void requireOn();
  /** The chip resets. In tests this throws `Restart`. */
  [[noreturn]] void restart(ResetReason reason);

  /** What happens instead of the exceptions; must not return. Where each boot is a process, the process ends here. */
  std::function<void(const PowerCut&)> onPowerCut;
  std::function<void(const Restart&)> onRestart;

  /** One operation: `whole` does it, `half` half of it, `noise` leaves noise. Throws `PowerCut` where it is torn. */
  template <typename Whole, typename Half, typename Noise>
  void operate(Whole whole, Half half, Noise noise) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (!isOn_) end();
    ++*operations_;
    if (*operations_ != cutAt_) return whole();
    if (tear_ == Tear::after) whole();
    if (tear_ == Tear::partial) half();
    if (tear_ == Tear::garbage) noise();
    cut();
  }

  uint8_t noise() { return static_cast<uint8_t>(noise_()); }
  /** Held during every operation: whoever holds it stands between two of them. */
  std::recursive_mutex& mutex() { return mutex_; }

 private:
  [[noreturn]] void cut();
  [[noreturn]] void end();

  std::recursive_mutex mutex_;
  std::mt19937 noise_;
  uint64_t ownOperations_ = 0;
  uint64_t* operations_ = &ownOperations_;
  uint64_t cutAt_ = 0;
  Tear tear_ = Tear::before;
  std::atomic<bool> isOn_{true};
  std::optional<ResetReason> restartReason_;
};

}  // namespace board
