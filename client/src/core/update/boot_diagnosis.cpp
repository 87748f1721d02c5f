#include "boot_diagnosis.h"

namespace otter {
namespace {

/** A trial that the bootloader cannot end gets this many starts, whatever ended them. */
constexpr uint8_t kMaxSoftBoots = 3;

bool isCrash(ResetReason reason) { return reason == ResetReason::panic || reason == ResetReason::cpu_lockup; }

bool isWatchdog(ResetReason reason) {
  return reason == ResetReason::interrupt_watchdog || reason == ResetReason::task_watchdog ||
         reason == ResetReason::other_watchdog;
}

bool isInstalling(Stage stage) {
  return stage == Stage::applying || stage == Stage::trial || stage == Stage::confirming;
}

/** Why the build of the journal was left. What the board decided itself is best known; then the reset reason. */
Error causeOfReturn(const Journal& journal, const BootFacts& facts, bool neverRan) {
  if (journal.cause != Error::ok) return journal.cause;
  if (isCrash(facts.resetReason)) return Error::crash;
  if (isWatchdog(facts.resetReason)) return Error::watchdog;
  if (facts.resetReason == ResetReason::brownout) return Error::brownout;
  if (facts.resetReason != ResetReason::software && facts.resetReason != ResetReason::deep_sleep) return Error::power;
  // The board restarted by itself. A good build was only waiting to be marked valid: that write was interrupted.
  if (journal.stage == Stage::confirming) return Error::power;
  if (neverRan) return Error::boot_rejected;
  // The build ran and never came to `begin()`: the guard of the trial restarted the board.
  return journal.stage == Stage::applying ? Error::watchdog : Error::crash;
}

BootDiagnosis comeBack(const Journal& journal, const BootFacts& facts) {
  const bool neverRan = journal.stage == Stage::applying && !facts.wasTargetLeft;
  // A start that the bootloader does not note (it erases the entry before it writes it) looks as if there was none; the
  // reset reason of a build that crashed is the better witness.
  const bool crashed = isCrash(facts.resetReason) || isWatchdog(facts.resetReason);
  return {BootCase::came_back, causeOfReturn(journal, facts, neverRan), neverRan && !crashed};
}

}  // namespace

BootDiagnosis diagnoseBoot(const Journal& journal, const BootFacts& facts) {
  const bool isUnconfirmed =
      facts.runningState == ImageState::pending_verify || facts.runningState == ImageState::fresh;
  if (!isInstalling(journal.stage)) return {isUnconfirmed ? BootCase::on_trial : BootCase::settled, Error::ok, false};
  if (facts.runningSlot != journal.targetSlot || !facts.isJournalImage) return comeBack(journal, facts);
  if (journal.stage == Stage::confirming && !isUnconfirmed) return {BootCase::was_confirmed, Error::ok, false};
  // NEW while it runs: this bootloader knows no trial, so its starts are counted here.
  if (facts.runningState == ImageState::fresh && journal.boots > 0) {
    if (journal.cause != Error::ok) return {BootCase::trial_failed, journal.cause, false};
    if (isCrash(facts.resetReason)) return {BootCase::trial_failed, Error::crash, false};
    if (isWatchdog(facts.resetReason)) return {BootCase::trial_failed, Error::watchdog, false};
    if (journal.boots >= kMaxSoftBoots) return {BootCase::trial_failed, Error::power, false};
  }
  return {BootCase::on_trial, Error::ok, false};
}

}  // namespace otter
