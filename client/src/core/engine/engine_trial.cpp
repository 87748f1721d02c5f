// The part of the engine that is about trials: what happened before this start, the trial of a new build, keeping it,
// and going back.

#include <string.h>

#include "../memory/back_off.h"
#include "../bytes.h"
#include "engine.h"
#include "../memory/known_bad.h"

namespace otter {
namespace {

/** After these the image in the slot is still good, and the next offer of it needs no download. */
bool keepsImage(Error cause) { return cause == Error::power || cause == Error::brownout; }

}  // namespace

bool Engine::isJournalImage() {
  uint8_t running[32];
  if (isAllZero(journal_.elfSha256, sizeof journal_.elfSha256)) return true;
  return !board_.bootloader.runningElfSha256(running) || memcmp(running, journal_.elfSha256, sizeof running) == 0;
}

void Engine::tellStory(const BootDiagnosis& story, const BootFacts& facts) {
  switch (story.bootCase) {
    case BootCase::settled:
      if (journal_.stage == Stage::staged) state_ = State::staged;
      return;
    case BootCase::on_trial:
      return startTrial();
    case BootCase::trial_failed:
      error_ = story.cause;
      state_ = State::restarting;
      return giveUp();
    case BootCase::was_confirmed:
      return finishConfirm();
    case BootCase::came_back:
      return comeBack(story, facts);
  }
}

void Engine::startTrial() {
  if (journal_.stage == Stage::none || journal_.stage == Stage::staged) {
    // Somebody else installed this image, perhaps over one that waited: it is tried all the same, for no attempt of
    // ours.
    journal_.clearAttempt();
  } else {
    journal_.stage = Stage::trial;
    if (journal_.boots < UINT8_MAX) ++journal_.boots;
    save();
  }
  state_ = State::trial;
  trialStartMs_ = board_.system.nowMs();
  checkIn(trialCheckWaitMs(board_.system.random()));
  tell(Event::trial_started, Error::ok);
}

void Engine::comeBack(const BootDiagnosis& story, const BootFacts& facts) {
  // Home again: this build was confirmed before, whatever state it was selected in.
  if (facts.runningState == ImageState::pending_verify || facts.runningState == ImageState::fresh)
    board_.bootloader.markValid();
  const ReportStatus status = story.neverRan ? ReportStatus::failed : ReportStatus::rolled_back;
  memcpy(journal_.leftVersion, journal_.version, sizeof journal_.leftVersion);
  addReport(status, story.cause);
  journal_.addFailures(journal_.sha256, weightOfFailure(status, story.cause));
  if (keepsImage(story.cause)) {
    journal_.stage = Stage::staged;
    journal_.cause = Error::ok;
    journal_.boots = 0;
    state_ = State::staged;
  } else {
    journal_.clearAttempt();
  }
  save();
  // It is news: not after two minutes.
  checkIn(trialCheckWaitMs(board_.system.random()));
  tell(Event::rolled_back, story.cause);
}

// ---- the trial

bool Engine::isOnTrial() const {
  return state_ == State::trial || state_ == State::trial_checking || state_ == State::trial_health;
}

/** By time, or by the word of the sketch. */
bool Engine::isTrialLost() {
  const uint64_t passedMs = board_.system.nowMs() - trialStartMs_;
  if (verdict_ == Health::bad) {
    error_ = Error::self_test;
  } else if (passedMs >= static_cast<uint64_t>(settings_.trialTimeoutS) * 1000) {
    error_ = Error::trial_timeout;
  }
  return error_ != Error::ok;
}

Outcome Engine::waitOnTrial() {
  if (isTrialLost()) return Outcome::unhealthy;
  return board_.system.nowMs() >= nextCheckMs_ ? Outcome::due : Outcome::none;
}

Outcome Engine::checkOnTrial() {
  Json root;
  error_ = link_.ask(true, space(), root);
  tellOfAsking();
  if (error_ != Error::ok) {
    lastError_ = error_;
    http_.close();
    return Outcome::unreachable;
  }
  link_.noteUnderstood();
  // Whatever it says: the build has reached the server. Nothing is installed on trial.
  return Outcome::reached;
}

Outcome Engine::askForHealth() {
  if (isTrialLost()) return Outcome::unhealthy;
  const bool isByHand = settings_.confirmsByHand && verdict_ != Health::good;
  const Health health = isByHand ? Health::unknown : board_.application.health();
  if (health == Health::bad) {
    error_ = Error::self_test;
    return Outcome::unhealthy;
  }
  if (health == Health::unknown) return Outcome::none;
  journal_.stage = Stage::confirming;
  save();
  // A write that failed is tried again until the trial is over.
  return board_.bootloader.markValid() == Error::ok ? Outcome::healthy : Outcome::none;
}

void Engine::finishConfirm() {
  const uint32_t floor = securityFloor();
  journal_.securityFloor = journal_.securityVersion > floor ? journal_.securityVersion : floor;
  journal_.leftVersion[0] = '\0';
  // It works after all: what went wrong before was not its doing.
  journal_.forgetFailures(journal_.sha256);
  addReport(ReportStatus::confirmed, Error::ok);
  journal_.clearAttempt();
  save();
  lastError_ = Error::ok;
  failures_ = 0;
  verdict_ = Health::unknown;
  state_ = State::idle;
  if (board_.connection.isOpen()) link_.sendReports(space());
  tell(Event::confirmed, Error::ok);
  perform(Action::wait_for_next_check);
}

/** The journal knows why before the board goes. */
void Engine::giveUp() {
  http_.close();
  lastError_ = error_;
  journal_.cause = error_;
  save();
  tell(Event::rejected_build, error_);
  // Returns where the bootloader cannot: an old one, or otadata that has lost the entry of the build before.
  if (!journal_.cannotRollBack) board_.bootloader.giveUp();
  const uint8_t home = journal_.sourceSlot != kNoSlot ? journal_.sourceSlot : board_.bootloader.spareSlot();
  if (home != kNoSlot && board_.bootloader.select(home) == Error::ok) board_.bootloader.restart();
}

/** There is nothing to go back to: a build that is bad is still better than none. */
void Engine::keepForWantOfAnother() {
  if (journal_.cause == Error::ok) {
    // It was the restart into a new build that did not happen.
    lastError_ = Error::activate;
    return checkIn(pollWaitMs(intervalS_, board_.system.random()));
  }
  board_.bootloader.markValid();
  report(ReportStatus::failed, Error::rollback_impossible);
  journal_.clearAttempt();
  save();
  checkIn(pollWaitMs(intervalS_, board_.system.random()));
}

/**
 * The build before the trial cannot reach the server either: it was not the build. The report has not been sent yet,
 * and says so now.
 */
void Engine::contestTrialTimeout(Error error) {
  bool isTakenBack = false;
  for (size_t i = 0; i < journal_.reportCount; ++i) {
    Report& report = journal_.reports[i];
    if (report.status != ReportStatus::rolled_back || report.error != Error::trial_timeout) continue;
    report.error = error;
    // Of the attempt that ended last: nothing was offered since.
    if (!isTakenBack) journal_.takeBackFailure(journal_.sha256);
    isTakenBack = true;
  }
  save();
}

}  // namespace otter
