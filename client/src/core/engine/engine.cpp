// The engine: what it does in each state, from a check to an installed image. Its other parts: asking the
// server (engine_ask.cpp), trials (engine_trial.cpp), reports and events (engine_report.cpp).

#include "engine.h"

#include <string.h>

#include "../memory/back_off.h"
#include "../update/idle_window.h"
#include "../update/timing.h"

namespace otter {
namespace {

constexpr uint32_t kLongestStepMs = 1000;

}  // namespace

Engine::Engine(const Board& board)
    : board_(board),
      journalStore_(board.store),
      http_(board.connection, board.system),
      download_(http_, board.slot, board.system),
      link_(http_, board.system, board.bootloader, board.store, journal_, journalStore_),
      configuredPins_(board.store) {}

// ---- start

Error Engine::begin(const Settings& settings) {
  settings_ = settings;
  intervalS_ = settings.intervalS;
  journalStore_.load(journal_);
  Bootloader& bootloader = board_.bootloader;
  hasSlot_ = bootloader.spareSlot() != kNoSlot && bootloader.spareSlotBytes() > 0;
  resetReason_ = bootloader.resetReason();
  link_.begin(settings_, resetReason_);
  configuredPins_.load(settings_.product, settings_.keys());
  usePins();
  recallAnswers();
  checkIn(firstCheckWaitMs(board_.system.random()));
  const BootFacts facts = {bootloader.runningSlot(), bootloader.runningState(), isJournalImage(),
                           journal_.targetSlot != kNoSlot && bootloader.wasLeft(journal_.targetSlot), resetReason_};
  if (facts.runningState == ImageState::fresh) journal_.cannotRollBack = true;
  tellStory(diagnoseBoot(journal_, facts), facts);
  return hasSlot_ ? Error::ok : Error::no_ota_slot;
}

// ---- one step

uint32_t Engine::step() {
  error_ = Error::ok;
  const Outcome outcome = work();
  const Transition* transition = findTransition(state_, outcome);
  if (transition != nullptr) {
    state_ = transition->to;
    perform(transition->action);
    return 0;
  }
  if (state_ == State::downloading && board_.system.nowMs() >= resumeAtMs_) return 0;
  const uint64_t nowMs = board_.system.nowMs();
  const uint64_t untilMs = state_ == State::downloading ? resumeAtMs_ : nextCheckMs_;
  const uint64_t waitMs = untilMs > nowMs ? untilMs - nowMs : 0;
  return waitMs < kLongestStepMs ? static_cast<uint32_t>(waitMs) : kLongestStepMs;
}

Outcome Engine::work() {
  switch (state_) {
    case State::idle:
      return board_.system.nowMs() >= nextCheckMs_ ? Outcome::due : Outcome::none;
    case State::checking:
    case State::staged_checking:
      return check();
    case State::downloading:
      return downloadPiece();
    case State::staged:
      return waitForQuietMoment();
    case State::installing:
      return install();
    case State::trial:
      return waitOnTrial();
    case State::trial_checking:
      return checkOnTrial();
    case State::trial_health:
      return askForHealth();
    case State::restarting:
      // A restart does not return; what is still here could not go.
      return Outcome::stuck;
  }
  return Outcome::none;
}

void Engine::perform(Action action) {
  switch (action) {
    case Action::nothing:
      return;
    case Action::wait_for_next_check:
      http_.close();
      return checkIn(pollWaitMs(intervalS_, board_.system.random()));
    case Action::back_off:
      return backOff();
    case Action::start_download:
      return startDownload();
    case Action::resume_later:
      resumeAtMs_ = board_.system.nowMs() + (download_.retryAfterS() > 0
                                                 ? retryAfterMs(download_.retryAfterS(), board_.system.random())
                                                 : trialRetryWaitMs(breaks_, board_.system.random()));
      return tell(Event::download_interrupted, error_);
    case Action::keep_image:
      return keepImage();
    case Action::adopt_offer:
      return adoptOffer();
    case Action::withdraw_approval:
      isApproved_ = false;
      return perform(Action::wait_for_next_check);
    case Action::report_refusal:
      return reportRefusal();
    case Action::report_failure:
      return reportFailure();
    case Action::restart:
      return board_.bootloader.restart();
    case Action::back_off_on_trial:
      return checkIn(trialRetryWaitMs(failures_++, board_.system.random()));
    case Action::confirm:
      return finishConfirm();
    case Action::give_up:
      return giveUp();
    case Action::keep_for_want_of_another:
      return keepForWantOfAnother();
  }
}

// ---- getting the image

void Engine::startDownload() {
  breaks_ = 0;
  resumeAtMs_ = 0;
  isApplyWanted_ = false;
  const bool overwrites = journal_.stage == Stage::staged;
  journal_.clearAttempt();
  rememberOffer();
  // The slot is about to lose the image that the journal promises.
  if (overwrites) save();
  board_.system.onDownload(true);
  download_.start(answer_);
  addReport(ReportStatus::downloading, Error::ok);
  // For people only: what does not get through now is sent later, and holds nothing up.
  link_.sendReports(space());
  tell(Event::download_started, Error::ok);
}

Outcome Engine::downloadPiece() {
  if (board_.system.nowMs() < resumeAtMs_) return Outcome::none;
  if (!board_.system.isNetworkUp()) return breakDownload(Error::no_network, false);
  bool isFinal = false;
  const Error error = download_.step(buffer_, kMaxOfferBytes, isFinal);
  if (error != Error::ok) return breakDownload(error, isFinal);
  breaks_ = 0;
  board_.application.onProgress(download_.doneBytes(), answer_.manifest.sizeBytes);
  if (!download_.isComplete()) return Outcome::none;
  board_.system.onDownload(false);
  error_ = download_.verify(journal_.header, buffer_, kMaxOfferBytes);
  return error_ == Error::ok ? Outcome::complete : Outcome::failed;
}

Outcome Engine::breakDownload(Error error, bool isFinal) {
  error_ = error;
  if (!isFinal && ++breaks_ < kMaxDownloadBreaks) return Outcome::interrupted;
  board_.system.onDownload(false);
  download_.abort();
  return Outcome::failed;
}

/** The image is whole and in flash: from here on it survives a restart. */
void Engine::keepImage() {
  journal_.stage = Stage::staged;
  journal_.targetSlot = board_.bootloader.spareSlot();
  journal_.sourceSlot = board_.bootloader.runningSlot();
  isApproved_ = false;
  addReport(ReportStatus::downloaded, Error::ok);
  adoptOffer();
  tell(Event::downloaded, Error::ok);
  link_.sendReports(space());
  http_.close();
}

/** The offer of the image that is in the slot: its number may be new, and it may be installed. */
void Engine::adoptOffer() {
  if (!isApproved_) stagedAtMs_ = board_.system.nowMs();
  isApproved_ = true;
  const bool isNewNumber = journal_.assignmentId != answer_.assignmentId;
  rememberOffer();
  // The server should see that the image is here already, or it waits for a download that never comes.
  if (isNewNumber) addReport(ReportStatus::downloaded, Error::ok);
  save();
  if (isNewNumber) link_.sendReports(space());
  perform(Action::wait_for_next_check);
}

/** What must be known of the attempt after a restart. */
void Engine::rememberOffer() {
  const Manifest& manifest = answer_.manifest;
  journal_.assignmentId = answer_.assignmentId;
  journal_.cause = Error::ok;
  journal_.sizeBytes = manifest.sizeBytes;
  journal_.securityVersion = manifest.securityVersion;
  memcpy(journal_.version, manifest.version, sizeof journal_.version);
  memcpy(journal_.sha256, manifest.sha256, sizeof journal_.sha256);
  memcpy(journal_.elfSha256, manifest.elfSha256, sizeof journal_.elfSha256);
}

// ---- installing

Outcome Engine::waitForQuietMoment() {
  const uint64_t nowMs = board_.system.nowMs();
  if (nowMs >= nextCheckMs_) return Outcome::due;
  // After a restart the server may have changed its mind: it is asked first.
  if (!isApproved_) return Outcome::none;
  return mayInstall() ? Outcome::may_install : Outcome::none;
}

/** The window of the server holds whatever the sketch wants and however long it has waited. */
bool Engine::mayInstall() {
  return isInInstallWindow(installWindow_, link_.serverTimeS()) && (isApplyWanted_ || isQuiet());
}

/** The application has a quiet moment, or has put the installation off for as long as it may. */
bool Engine::isQuiet() {
  if (settings_.appliesByHand) return false;
  const uint64_t waitedMs = board_.system.nowMs() - stagedAtMs_;
  if (waitedMs >= static_cast<uint64_t>(settings_.longestDeferralS) * 1000) return true;
  return isInIdleHours(settings_.idleHours, link_.serverTimeS()) && board_.application.isIdle();
}

/** No network between the hash of what is in flash and the restart. */
Outcome Engine::install() {
  isApplyWanted_ = false;
  addReport(ReportStatus::installing, Error::ok);
  tell(Event::installing, Error::ok);
  if (board_.system.isNetworkUp()) link_.sendReports(space());
  http_.close();
  error_ = verifySlot(board_.slot, journal_.header, journal_.sizeBytes, journal_.sha256, buffer_, kMaxOfferBytes);
  if (error_ != Error::ok) return Outcome::failed;
  journal_.stage = Stage::applying;
  error_ = journalStore_.save(journal_);
  if (error_ != Error::ok) return Outcome::failed;
  error_ = board_.slot.activate(journal_.header);
  return error_ == Error::ok ? Outcome::activated : Outcome::failed;
}

// ---- what is known

uint32_t Engine::securityFloor() {
  const uint32_t running = board_.bootloader.runningSecurityVersion();
  return running > journal_.securityFloor ? running : journal_.securityFloor;
}

bool Engine::isBusy() {
  if (state_ == State::staged) return isApproved_ && mayInstall();
  return state_ != State::idle;
}

Status Engine::status() {
  const uint64_t nowMs = board_.system.nowMs();
  Status status = {};
  status.state = state_;
  status.lastError = lastError_;
  const bool hasOffer = state_ != State::idle && state_ != State::checking;
  if (hasOffer) memcpy(status.offeredVersion, journal_.version, sizeof status.offeredVersion);
  status.totalBytes = hasOffer ? journal_.sizeBytes : 0;
  status.doneBytes = state_ == State::downloading ? download_.doneBytes() : status.totalBytes;
  status.lastCheckAgeS = link_.lastAnswerAgeS();
  status.nextCheckInS = nextCheckMs_ > nowMs ? static_cast<uint32_t>((nextCheckMs_ - nowMs) / 1000) : 0;
  status.canRollBack = !journal_.cannotRollBack;
  return status;
}

}  // namespace otter
