#include "board/flash/power.h"

#include <cstdlib>

namespace board {

const char* nameOf(Tear tear) {
  switch (tear) {
    case Tear::before:
      return "before";
    case Tear::partial:
      return "partial";
    case Tear::after:
      return "after";
    case Tear::garbage:
      return "garbage";
  }
  return "unknown";
}

bool tearNamed(const std::string& name, Tear& tear) {
  for (const Tear candidate : {Tear::before, Tear::partial, Tear::after, Tear::garbage}) {
    if (name != nameOf(candidate)) continue;
    tear = candidate;
    return true;
  }
  return false;
}

const char* nameOf(ResetReason reason) {
  switch (reason) {
    case ResetReason::unknown:
      return "unknown";
    case ResetReason::power_on:
      return "power_on";
    case ResetReason::external:
      return "external";
    case ResetReason::software:
      return "software";
    case ResetReason::panic:
      return "panic";
    case ResetReason::interrupt_watchdog:
      return "interrupt_watchdog";
    case ResetReason::task_watchdog:
      return "task_watchdog";
    case ResetReason::other_watchdog:
      return "other_watchdog";
    case ResetReason::deep_sleep:
      return "deep_sleep";
    case ResetReason::brownout:
      return "brownout";
    case ResetReason::sdio:
      return "sdio";
    case ResetReason::usb:
      return "usb";
    case ResetReason::jtag:
      return "jtag";
    case ResetReason::efuse:
      return "efuse";
    case ResetReason::pwr_glitch:
      return "pwr_glitch";
    case ResetReason::cpu_lockup:
      return "cpu_lockup";
  }
  return "unknown";
}

void Power::cutAt(uint64_t operation, Tear tear) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  cutAt_ = operation;
  tear_ = tear;
}

void Power::turnOn() {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  isOn_ = true;
  restartReason_ = std::nullopt;
}

void Power::turnOff() {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  isOn_ = false;
  restartReason_ = std::nullopt;
}

std::optional<ResetReason> Power::restartReason() const { return restartReason_; }

void Power::requireOn() {
  if (!isOn_) end();
}

void Power::restart(ResetReason reason) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (!isOn_) end();
  isOn_ = false;
  restartReason_ = reason;
  end();
}

void Power::cut() {
  isOn_ = false;
  cutAt_ = 0;
  end();
}

// Also where another thread still runs after the chip is off: it ends in the same way.
void Power::end() {
  if (restartReason_) {
    if (!onRestart) throw Restart{*restartReason_};
    onRestart(Restart{*restartReason_});
  } else {
    if (!onPowerCut) throw PowerCut{*operations_};
    onPowerCut(PowerCut{*operations_});
  }
  std::abort();
}

}  // namespace board
