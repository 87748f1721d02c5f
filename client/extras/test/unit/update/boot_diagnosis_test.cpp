// What a restart means, one row for each case of the table in client/README.md, "What the board knows after a restart".

#include "core/update/boot_diagnosis.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace otter;

namespace {

using R = ResetReason;
using I = ImageState;
using C = BootCase;
using S = Stage;

/** `target`: slot 1 with the image of the journal runs. `source`: slot 0. `other`: slot 1 with another image. */
enum class Runs { target, source, other };

struct Row {
  std::string name;
  Stage stage;
  Error cause;
  uint8_t boots;
  Runs runs;
  ImageState state;
  bool wasTargetLeft;
  ResetReason reset;
  // what it means
  BootCase bootCase;
  Error why;
  bool neverRan;
};

constexpr Error kOk = Error::ok;

const std::vector<Row> kRows = {
    // no installation open
    {"nothing open, valid", S::none, kOk, 0, Runs::source, I::valid, false, R::power_on, C::settled, kOk, false},
    {"nothing open, flashed by cable", S::none, kOk, 0, Runs::source, I::undefined, false, R::power_on, C::settled, kOk,
     false},
    {"nothing open, a crash", S::none, kOk, 0, Runs::source, I::valid, false, R::panic, C::settled, kOk, false},
    {"an image waits", S::staged, kOk, 0, Runs::source, I::valid, false, R::power_on, C::settled, kOk, false},
    {"came by ArduinoOTA", S::none, kOk, 0, Runs::target, I::pending_verify, false, R::software, C::on_trial, kOk,
     false},
    {"came by ArduinoOTA, old bootloader", S::none, kOk, 0, Runs::target, I::fresh, false, R::software, C::on_trial,
     kOk, false},
    {"came by ArduinoOTA while an image waits", S::staged, kOk, 0, Runs::source, I::pending_verify, false, R::software,
     C::on_trial, kOk, false},
    // the new build runs
    {"first start", S::applying, kOk, 0, Runs::target, I::pending_verify, false, R::software, C::on_trial, kOk, false},
    {"first start after a power cut", S::applying, kOk, 0, Runs::target, I::pending_verify, false, R::power_on,
     C::on_trial, kOk, false},
    {"again, on a bootloader that allows it", S::trial, kOk, 1, Runs::target, I::pending_verify, false, R::deep_sleep,
     C::on_trial, kOk, false},
    {"valid already, by somebody else", S::trial, kOk, 1, Runs::target, I::valid, false, R::power_on, C::on_trial, kOk,
     false},
    {"good, not yet marked", S::confirming, kOk, 1, Runs::target, I::pending_verify, false, R::software, C::on_trial,
     kOk, false},
    {"good and marked", S::confirming, kOk, 1, Runs::target, I::valid, false, R::power_on, C::was_confirmed, kOk,
     false},
    {"good, the entry is lost", S::confirming, kOk, 1, Runs::target, I::undefined, false, R::power_on, C::was_confirmed,
     kOk, false},
    // the new build runs on a bootloader without rollback
    {"old bootloader, first start", S::applying, kOk, 0, Runs::target, I::fresh, false, R::software, C::on_trial, kOk,
     false},
    {"old bootloader, first start after a crash of the old build", S::applying, kOk, 0, Runs::target, I::fresh, false,
     R::panic, C::on_trial, kOk, false},
    {"old bootloader, second start after a power cut", S::trial, kOk, 1, Runs::target, I::fresh, false, R::power_on,
     C::on_trial, kOk, false},
    {"old bootloader, third start", S::trial, kOk, 2, Runs::target, I::fresh, false, R::power_on, C::on_trial, kOk,
     false},
    {"old bootloader, fourth start", S::trial, kOk, 3, Runs::target, I::fresh, false, R::power_on, C::trial_failed,
     Error::power, false},
    {"old bootloader, crashed", S::trial, kOk, 1, Runs::target, I::fresh, false, R::panic, C::trial_failed,
     Error::crash, false},
    {"old bootloader, hung in an interrupt", S::trial, kOk, 1, Runs::target, I::fresh, false, R::interrupt_watchdog,
     C::trial_failed, Error::watchdog, false},
    {"old bootloader, hung in a task", S::trial, kOk, 1, Runs::target, I::fresh, false, R::task_watchdog,
     C::trial_failed, Error::watchdog, false},
    {"old bootloader, hung elsewhere", S::trial, kOk, 1, Runs::target, I::fresh, false, R::other_watchdog,
     C::trial_failed, Error::watchdog, false},
    {"old bootloader, gave itself up", S::trial, Error::self_test, 1, Runs::target, I::fresh, false, R::software,
     C::trial_failed, Error::self_test, false},
    {"old bootloader, its own verdict before the crash", S::trial, Error::trial_timeout, 1, Runs::target, I::fresh,
     false, R::panic, C::trial_failed, Error::trial_timeout, false},
    // the board came back
    {"gave itself up", S::trial, Error::self_test, 1, Runs::source, I::valid, true, R::software, C::came_back,
     Error::self_test, false},
    {"its own verdict, then a power cut", S::trial, Error::trial_timeout, 1, Runs::source, I::valid, true, R::power_on,
     C::came_back, Error::trial_timeout, false},
    {"crashed", S::trial, kOk, 1, Runs::source, I::valid, true, R::panic, C::came_back, Error::crash, false},
    {"hung in an interrupt", S::trial, kOk, 1, Runs::source, I::valid, true, R::interrupt_watchdog, C::came_back,
     Error::watchdog, false},
    {"hung in a task", S::trial, kOk, 1, Runs::source, I::valid, true, R::task_watchdog, C::came_back, Error::watchdog,
     false},
    {"hung elsewhere", S::trial, kOk, 1, Runs::source, I::valid, true, R::other_watchdog, C::came_back, Error::watchdog,
     false},
    {"locked up", S::trial, kOk, 1, Runs::source, I::valid, true, R::cpu_lockup, C::came_back, Error::crash, false},
    {"locked up, and its start was not noted", S::applying, kOk, 0, Runs::source, I::valid, false, R::cpu_lockup,
     C::came_back, Error::crash, false},
    {"old bootloader, locked up", S::trial, kOk, 1, Runs::target, I::fresh, false, R::cpu_lockup, C::trial_failed,
     Error::crash, false},
    {"the supply jumped", S::trial, kOk, 1, Runs::source, I::valid, true, R::pwr_glitch, C::came_back, Error::power,
     false},
    {"the supply jumped around the selection", S::applying, kOk, 0, Runs::source, I::valid, false, R::pwr_glitch,
     C::came_back, Error::power, true},
    {"old bootloader, the supply jumped", S::trial, kOk, 1, Runs::target, I::fresh, false, R::pwr_glitch, C::on_trial,
     kOk, false},
    {"brownout", S::trial, kOk, 1, Runs::source, I::valid, true, R::brownout, C::came_back, Error::brownout, false},
    {"power cut", S::trial, kOk, 1, Runs::source, I::valid, true, R::power_on, C::came_back, Error::power, false},
    {"reset button", S::trial, kOk, 1, Runs::source, I::valid, true, R::external, C::came_back, Error::power, false},
    {"reset over SDIO", S::trial, kOk, 1, Runs::source, I::valid, true, R::sdio, C::came_back, Error::power, false},
    {"reset over USB", S::trial, kOk, 1, Runs::source, I::valid, true, R::usb, C::came_back, Error::power, false},
    {"reset over JTAG", S::trial, kOk, 1, Runs::source, I::valid, true, R::jtag, C::came_back, Error::power, false},
    {"the fuses did not read well", S::trial, kOk, 1, Runs::source, I::valid, true, R::efuse, C::came_back,
     Error::power, false},
    {"a reset of a chip to come", S::trial, kOk, 1, Runs::source, I::valid, true, R::other, C::came_back, Error::power,
     false},
    {"unknown reset", S::trial, kOk, 1, Runs::source, I::valid, true, R::unknown, C::came_back, Error::power, false},
    {"restarted by itself", S::trial, kOk, 1, Runs::source, I::valid, true, R::software, C::came_back, Error::crash,
     false},
    {"slept on trial", S::trial, kOk, 1, Runs::source, I::valid, true, R::deep_sleep, C::came_back, Error::crash,
     false},
    {"crashed before begin()", S::applying, kOk, 0, Runs::source, I::valid, true, R::panic, C::came_back, Error::crash,
     false},
    {"the guard of the trial", S::applying, kOk, 0, Runs::source, I::valid, true, R::software, C::came_back,
     Error::watchdog, false},
    {"not taken by the bootloader", S::applying, kOk, 0, Runs::source, I::valid, false, R::software, C::came_back,
     Error::boot_rejected, true},
    {"power cut around the selection", S::applying, kOk, 0, Runs::source, I::valid, false, R::power_on, C::came_back,
     Error::power, true},
    {"brownout around the selection", S::applying, kOk, 0, Runs::source, I::valid, false, R::brownout, C::came_back,
     Error::brownout, true},
    {"crashed, and its start was not noted", S::applying, kOk, 0, Runs::source, I::valid, false, R::panic, C::came_back,
     Error::crash, false},
    {"hung, and its start was not noted", S::applying, kOk, 0, Runs::source, I::valid, false, R::task_watchdog,
     C::came_back, Error::watchdog, false},
    {"good, and the write of the mark was cut", S::confirming, kOk, 1, Runs::source, I::valid, true, R::power_on,
     C::came_back, Error::power, false},
    {"good, and restarted during the mark", S::confirming, kOk, 1, Runs::source, I::valid, true, R::software,
     C::came_back, Error::power, false},
    {"good, and crashed during the mark", S::confirming, kOk, 1, Runs::source, I::valid, true, R::panic, C::came_back,
     Error::crash, false},
    {"another image in its slot, by cable", S::trial, kOk, 1, Runs::other, I::valid, false, R::power_on, C::came_back,
     Error::power, false},
};

}  // namespace

TEST_CASE("what a restart means") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    Journal journal;
    journal.stage = row.stage;
    journal.cause = row.cause;
    journal.boots = row.boots;
    journal.targetSlot = 1;
    journal.sourceSlot = 0;
    const auto slot = static_cast<uint8_t>(row.runs == Runs::source ? 0 : 1);
    const BootFacts facts = {slot, row.state, row.runs == Runs::target, row.wasTargetLeft, row.reset};
    const BootDiagnosis story = diagnoseBoot(journal, facts);
    CHECK(static_cast<int>(story.bootCase) == static_cast<int>(row.bootCase));
    CHECK(std::string(nameOf(story.cause)) == nameOf(row.why));
    CHECK(story.neverRan == row.neverRan);
  }
}

TEST_CASE("whatever the board finds, the story holds together") {
  size_t stories = 0;
  for (const S stage : {S::none, S::staged, S::applying, S::trial, S::confirming}) {
    for (int combination = 0; combination < 6 * 17 * 2 * 2 * 2 * 5 * 2; ++combination) {
      int rest = combination;
      const auto pick = [&rest](int count) {
        const int value = rest % count;
        rest /= count;
        return value;
      };
      BootFacts facts = {};
      facts.runningState = static_cast<I>(pick(6));
      facts.resetReason = static_cast<R>(pick(17));
      facts.isJournalImage = pick(2) == 1;
      facts.wasTargetLeft = pick(2) == 1;
      facts.runningSlot = static_cast<uint8_t>(pick(2));
      Journal journal;
      journal.stage = stage;
      journal.targetSlot = 1;
      journal.boots = static_cast<uint8_t>(pick(5));
      journal.cause = pick(2) == 1 ? Error::self_test : Error::ok;
      const BootDiagnosis story = diagnoseBoot(journal, facts);
      const bool failed = story.bootCase == C::came_back || story.bootCase == C::trial_failed;
      const bool isOpen = stage == S::applying || stage == S::trial || stage == S::confirming;
      // A cause exactly where something failed; nothing fails without an installation; the image that runs did not
      // leave.
      if ((story.cause != Error::ok) != failed) FAIL("a cause without a failure, or none");
      if (failed && !isOpen) FAIL("a failure without an installation");
      if (story.neverRan && story.bootCase != C::came_back) FAIL("never ran, and did not come back");
      if (story.bootCase == C::came_back && facts.runningSlot == 1 && facts.isJournalImage)
        FAIL("came back to the new build");
      if (story.bootCase == C::settled && facts.runningState == I::pending_verify) FAIL("settled on trial");
      ++stories;
    }
  }
  CHECK(stories == 5 * 6 * 17 * 2 * 2 * 2 * 5 * 2);
}
