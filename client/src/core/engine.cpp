#include "engine.h"

#include <string.h>

#include "back_off.h"
#include "check_in.h"
#include "json.h"
#include "label_rule.h"
#include "release_signature.h"
#include "timing.h"
#include "vetting.h"

namespace otter {
namespace {

constexpr uint32_t kLongestStepMs = 1000;

/** The labels of an offer, in the answer where they stand. */
class OfferLabels final : public Labels {
 public:
  explicit OfferLabels(const Json& list) : list_(list) {}
  bool has(const char* name, size_t length) const override {
    for (Json label = list_.firstElement(); label.isThere(); label = label.nextElement())
      if (label.equals(name, length)) return true;
    return false;
  }

 private:
  Json list_;
};

bool isAllZero(const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (bytes[i] != 0) return false;
  return true;
}

/** After these the image in the slot is still good, and the next offer of it needs no download. */
bool keepsImage(Error cause) { return cause == Error::power || cause == Error::brownout; }

}  // namespace

Engine::Engine(const Board& board)
    : board_(board),
      journalStore_(board.store),
      http_(board.connection, board.system),
      download_(http_, board.slot, board.system) {}

// ---- start

Error Engine::begin(const Settings& settings) {
  settings_ = settings;
  intervalS_ = settings.intervalS;
  http_.setServer(settings_.server, settings_.token);
  board_.system.mac(mac_);
  journalStore_.load(journal_);
  Bootloader& bootloader = board_.bootloader;
  hasSlot_ = bootloader.spareSlot() != kNoSlot && bootloader.spareSlotBytes() > 0;
  resetReason_ = bootloader.resetReason();
  checkIn(firstCheckWaitMs(board_.system.random()));
  const BootFacts facts = {bootloader.runningSlot(), bootloader.runningState(), isJournalImage(),
                           journal_.targetSlot != kNoSlot && bootloader.wasLeft(journal_.targetSlot), resetReason_};
  if (facts.runningState == ImageState::fresh) journal_.cannotRollBack = true;
  tellStory(tellBoot(journal_, facts), facts);
  return hasSlot_ ? Error::ok : Error::no_ota_slot;
}

bool Engine::isJournalImage() {
  uint8_t running[32];
  if (isAllZero(journal_.elfSha256, sizeof journal_.elfSha256)) return true;
  return !board_.bootloader.runningElfSha256(running) || memcmp(running, journal_.elfSha256, sizeof running) == 0;
}

void Engine::tellStory(const BootStory& story, const BootFacts& facts) {
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

void Engine::comeBack(const BootStory& story, const BootFacts& facts) {
  // Home again: this build was confirmed before, whatever state it was selected in.
  if (facts.runningState == ImageState::pending_verify || facts.runningState == ImageState::fresh)
    board_.bootloader.markValid();
  const ReportStatus status = story.neverRan ? ReportStatus::failed : ReportStatus::rolled_back;
  memcpy(journal_.leftVersion, journal_.version, sizeof journal_.leftVersion);
  addReport(status, story.cause);
  countFailure(status, story.cause);
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

// ---- one step

uint32_t Engine::step() {
  error_ = Error::ok;
  const Happening happening = work();
  const Transition* transition = findTransition(state_, happening);
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

Happening Engine::work() {
  switch (state_) {
    case State::idle:
      return board_.system.nowMs() >= nextCheckMs_ ? Happening::due : Happening::none;
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
      return Happening::stuck;
  }
  return Happening::none;
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
      resumeAtMs_ = board_.system.nowMs() + (retryAfterS_ > 0 ? retryAfterMs(retryAfterS_, board_.system.random())
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

// ---- asking the server

Happening Engine::check() {
  Json root;
  error_ = reach(root);
  const bool isFirst = isFirstCheck_;
  isFirstCheck_ = false;
  if (error_ != Error::ok) {
    if (isFirst && faultOf(error_) == Fault::network) contestTrialTimeout(error_);
    return Happening::unreachable;
  }
  // A new answer takes the place of the last one, also where it is refused: nothing of the old offer is left to act on.
  error_ = readCheckAnswer(root, answer_);
  if (error_ == Error::json) return Happening::unreachable;
  failures_ = 0;
  intervalS_ = answer_.pollIntervalS;
  if (error_ == Error::ok && !answer_.isOffer) {
    lastError_ = Error::ok;
    tell(Event::checked, Error::ok);
    return Happening::nothing;
  }
  if (error_ == Error::ok) error_ = vet(root);
  return error_ == Error::ok ? acceptOffer() : Happening::refused;
}

/** Sends what is queued and the check-in; `root` is the answer, which stands in the buffer. */
Error Engine::reach(Json& root) {
  retryAfterS_ = 0;
  if (!board_.system.isNetworkUp()) return Error::no_network;
  // A report that the server cannot take just now holds up no check; a connection that fails would fail again.
  const Error reported = sendReports();
  if (reported != Error::ok && faultOf(reported) == Fault::network) return reported;
  const size_t bodyBytes = writeCheckInBody();
  HttpHead head;
  const Error sent = post("/api/v1/check-update", bodyBytes, head);
  if (sent != Error::ok) return sent;
  if (head.status != 200) return refusedBy(head);
  size_t length = 0;
  const Error read = http_.readText(text(), sizeof buffer_, length);
  if (read != Error::ok) return read;
  if (!Json::parse(text(), length, root) || !root.isObject()) return Error::json;
  lastAnswerMs_ = board_.system.nowMs();
  wasAnswered_ = true;
  if (head.dateS > 0) {
    serverTimeS_ = head.dateS;
    serverTimeAtMs_ = lastAnswerMs_;
  }
  return Error::ok;
}

/** A body in the buffer goes out; the answer's head comes back. 0 bytes: the body did not fit. */
Error Engine::post(const char* path, size_t bodyBytes, HttpHead& head) {
  if (bodyBytes == 0) return Error::too_large;
  return http_.send({"POST", path, text(), bodyBytes, 0, nullptr}, head);
}

/** What a status other than 200 means. */
Error Engine::refusedBy(const HttpHead& head) {
  retryAfterS_ = head.hasRetryAfter ? head.retryAfterS : 0;
  http_.drain();
  if (head.status == 401 || head.status == 403) return Error::auth;
  return head.status >= 300 && head.status < 400 ? Error::redirect_refused : Error::http_status;
}

size_t Engine::writeCheckInBody() {
  uint8_t identity[32];
  System& system = board_.system;
  Bootloader& bootloader = board_.bootloader;
  const bool hasIdentity = bootloader.runningElfSha256(identity) && !isAllZero(identity, sizeof identity);
  CheckIn checkIn = {};
  checkIn.mac = mac_;
  checkIn.version = settings_.version;
  checkIn.product = settings_.product;
  checkIn.chip = system.chip();
  checkIn.labelHints = settings_.labelHints;
  checkIn.labelHintCount = settings_.labelHintCount;
  checkIn.slotBytes = hasSlot_ ? bootloader.spareSlotBytes() : 0;
  checkIn.imageSha256 = hasIdentity ? identity : nullptr;
  checkIn.isOnTrial = isOnTrial();
  checkIn.canRollBack = !journal_.cannotRollBack;
  checkIn.resetReason = resetReason_;
  checkIn.leftVersion = journal_.leftVersion;
  checkIn.flashBytes = system.flashBytes();
  checkIn.freeHeapBytes = system.freeHeapBytes();
  checkIn.rssiDbm = system.rssiDbm();
  checkIn.library = settings_.library;
  return writeCheckIn(checkIn, text(), sizeof buffer_);
}

/** The oldest first. A report that the server refuses for good is dropped: repeating it changes nothing. */
Error Engine::sendReports() {
  bool isChanged = false;
  Error error = Error::ok;
  while (journal_.reportCount > 0 && error == Error::ok) {
    HttpHead head;
    error = post("/api/v1/report-status", writeReport(mac_, journal_.reports[0], text(), sizeof buffer_), head);
    if (error != Error::ok) break;
    const uint16_t status = head.status;
    if (status == 200) {
      http_.drain();
    } else {
      error = refusedBy(head);
    }
    const bool isRefusedForGood = status == 400 || status == 404 || status == 409 || status == 413;
    if (isRefusedForGood) error = Error::ok;
    if (error != Error::ok) break;
    isChanged = isChanged || isFinal(journal_.reports[0].status);
    journal_.removeReport(0);
  }
  // What was only for people never was in the journal, unless something else was saved with it.
  if (isChanged) save();
  return error;
}

Error Engine::vet(const Json& root) {
  BoardFacts facts = {};
  facts.product = settings_.product;
  facts.version = settings_.version;
  facts.chip = board_.system.chip();
  facts.slotBytes = hasSlot_ ? board_.bootloader.spareSlotBytes() : 0;
  facts.maxImageBytes = settings_.maxImageBytes;
  facts.securityFloor = securityFloor();
  facts.labelRule = settings_.labelRule;
  facts.isKnownBad = journal_.failuresOf(answer_.manifest.sha256) >= kKnownBadFailures;
  facts.nowS = serverTimeS();
  const Error error = vetOffer(facts, answer_, OfferLabels(root.member("labels")));
  if (error != Error::ok || settings_.releaseKeyCount == 0) return error;
  const Json signatures = root.member("manifest").member("signatures");
  return isSignedByAny(answer_.manifest, signatures, settings_.releaseKeys, settings_.releaseKeyCount)
             ? Error::ok
             : Error::signature;
}

Happening Engine::acceptOffer() {
  const Manifest& manifest = answer_.manifest;
  const OfferView view = {manifest.product, manifest.version, manifest.sizeBytes, answer_.isRollback};
  if (board_.application.canUpdate(view) != nullptr) {
    lastError_ = Error::deferred;
    tell(Event::deferred, Error::deferred);
    return Happening::deferred;
  }
  lastError_ = Error::ok;
  if (isStagedImage(manifest)) return Happening::offered_again;
  tell(Event::offered, Error::ok);
  return Happening::offered;
}

bool Engine::isStagedImage(const Manifest& manifest) const {
  return journal_.stage == Stage::staged && memcmp(journal_.sha256, manifest.sha256, sizeof manifest.sha256) == 0;
}

void Engine::backOff() {
  http_.close();
  lastError_ = error_;
  tell(Event::failed, error_);
  const uint32_t random = board_.system.random();
  const uint32_t longestS = error_ == Error::auth ? kLongestAuthBackOffS : kLongestBackOffS;
  checkIn(retryAfterS_ > 0 ? retryAfterMs(retryAfterS_, random) : backOffMs(failures_, longestS, random));
  ++failures_;
}

void Engine::checkIn(uint32_t waitMs) { nextCheckMs_ = board_.system.nowMs() + waitMs; }

void Engine::checkNow() {
  if (state_ == State::downloading) resumeAtMs_ = 0;
  nextCheckMs_ = 0;
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
  sendReports();
  tell(Event::download_started, Error::ok);
}

Happening Engine::downloadPiece() {
  if (board_.system.nowMs() < resumeAtMs_) return Happening::none;
  if (!board_.system.isNetworkUp()) return breakDownload(Error::no_network, false);
  bool isFinal = false;
  const Error error = download_.step(buffer_, kMaxOfferBytes, isFinal);
  if (error != Error::ok) return breakDownload(error, isFinal);
  breaks_ = 0;
  board_.application.onProgress(download_.doneBytes(), answer_.manifest.sizeBytes);
  if (!download_.isComplete()) return Happening::none;
  board_.system.onDownload(false);
  error_ = download_.verify(journal_.header, buffer_, kMaxOfferBytes);
  return error_ == Error::ok ? Happening::complete : Happening::failed;
}

Happening Engine::breakDownload(Error error, bool isFinal) {
  error_ = error;
  retryAfterS_ = download_.retryAfterS();
  if (!isFinal && ++breaks_ < kMaxDownloadBreaks) return Happening::interrupted;
  board_.system.onDownload(false);
  download_.abort();
  return Happening::failed;
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
  sendReports();
  http_.close();
}

/** The offer of the image that is in the slot: its number may be new, and it may be installed. */
void Engine::adoptOffer() {
  if (!isApproved_) stagedAtMs_ = board_.system.nowMs();
  isApproved_ = true;
  rememberOffer();
  save();
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

Happening Engine::waitForQuietMoment() {
  const uint64_t nowMs = board_.system.nowMs();
  if (nowMs >= nextCheckMs_) return Happening::due;
  // After a restart the server may have changed its mind: it is asked first.
  if (!isApproved_) return Happening::none;
  if (isApplyWanted_) return Happening::may_install;
  return isQuiet() ? Happening::may_install : Happening::none;
}

/** The application has a quiet moment, or has put the installation off for as long as it may. */
bool Engine::isQuiet() {
  if (settings_.appliesByHand) return false;
  const uint64_t waitedMs = board_.system.nowMs() - stagedAtMs_;
  if (waitedMs >= static_cast<uint64_t>(settings_.longestDeferralS) * 1000) return true;
  return isInIdleHours(settings_.idleHours, serverTimeS()) && board_.application.isIdle();
}

/** No network between the hash of what is in flash and the restart. */
Happening Engine::install() {
  isApplyWanted_ = false;
  addReport(ReportStatus::installing, Error::ok);
  tell(Event::installing, Error::ok);
  if (board_.system.isNetworkUp()) sendReports();
  http_.close();
  error_ = verifySlot(board_.slot, journal_.header, journal_.sizeBytes, journal_.sha256, buffer_, kMaxOfferBytes);
  if (error_ != Error::ok) return Happening::failed;
  journal_.stage = Stage::applying;
  error_ = journalStore_.save(journal_);
  if (error_ != Error::ok) return Happening::failed;
  error_ = board_.slot.activate(journal_.header);
  return error_ == Error::ok ? Happening::activated : Happening::failed;
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

Happening Engine::waitOnTrial() {
  if (isTrialLost()) return Happening::unhealthy;
  return board_.system.nowMs() >= nextCheckMs_ ? Happening::due : Happening::none;
}

Happening Engine::checkOnTrial() {
  Json root;
  error_ = reach(root);
  if (error_ != Error::ok) {
    lastError_ = error_;
    http_.close();
    return Happening::unreachable;
  }
  // Whatever it says: the build has reached the server. Nothing is installed on trial.
  return Happening::reached;
}

Happening Engine::askForHealth() {
  if (isTrialLost()) return Happening::unhealthy;
  const bool isByHand = settings_.confirmsByHand && verdict_ != Health::good;
  const Health health = isByHand ? Health::unknown : board_.application.health();
  if (health == Health::bad) {
    error_ = Error::self_test;
    return Happening::unhealthy;
  }
  if (health == Health::unknown) return Happening::none;
  journal_.stage = Stage::confirming;
  save();
  // A write that failed is tried again until the trial is over.
  return board_.bootloader.markValid() == Error::ok ? Happening::healthy : Happening::none;
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
  if (board_.connection.isOpen()) sendReports();
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

// ---- reports

/** An image that the server says is not this board's, or that it did not describe, is not tried. */
void Engine::reportRefusal() {
  const bool wasStaged = journal_.stage == Stage::staged;
  lastError_ = error_;
  tell(Event::rejected, error_);
  Report refusal = {answer_.assignmentId, ReportStatus::rejected, error_, resetReason_};
  journal_.addReport(refusal);
  if (wasStaged) journal_.clearAttempt();
  save();
  sendReports();
  perform(Action::wait_for_next_check);
}

void Engine::reportFailure() {
  lastError_ = error_;
  tell(Event::failed, error_);
  report(ReportStatus::failed, error_);
  journal_.clearAttempt();
  save();
  perform(Action::wait_for_next_check);
}

/** Final: in the journal before anything else happens, and sent if that is possible now. */
void Engine::report(ReportStatus status, Error error) {
  addReport(status, error);
  countFailure(status, error);
  save();
  if (board_.system.isNetworkUp()) sendReports();
}

void Engine::addReport(ReportStatus status, Error error) {
  journal_.addReport({journal_.assignmentId, status, error, resetReason_});
}

/**
 * What this board holds against a build: as the server does (docs/device-protocol.md), so that also a wrong offer
 * cannot bring it back. Faults of the network and the server never count.
 */
void Engine::countFailure(ReportStatus status, Error error) {
  const Fault fault = faultOf(error);
  if (fault != Fault::firmware && fault != Fault::device) return;
  // A build that did not reach the server may have met a server that was down: that alone is no proof.
  const bool isProof = status == ReportStatus::rolled_back && fault == Fault::firmware && error != Error::trial_timeout;
  journal_.addFailures(journal_.sha256, isProof ? kKnownBadFailures : 1);
}

/**
 * The build before the trial cannot reach the server either: it was not the build. The report has not been sent yet,
 * and says so now.
 */
void Engine::contestTrialTimeout(Error error) {
  for (size_t i = 0; i < journal_.reportCount; ++i) {
    Report& report = journal_.reports[i];
    if (report.status == ReportStatus::rolled_back && report.error == Error::trial_timeout) report.error = error;
  }
  save();
}

/** A journal that cannot be written is told, and costs at worst a download or a report. */
void Engine::save() {
  if (journalStore_.save(journal_) != Error::ok) lastError_ = Error::nvs;
}

void Engine::tell(Event event, Error error) { board_.application.onEvent(event, error); }

// ---- what is known

uint32_t Engine::securityFloor() {
  const uint32_t running = board_.bootloader.runningSecurityVersion();
  return running > journal_.securityFloor ? running : journal_.securityFloor;
}

/** Seconds since 1970 as the server counts them; 0 before it has said so. */
int64_t Engine::serverTimeS() {
  if (serverTimeS_ == 0) return 0;
  return serverTimeS_ + static_cast<int64_t>((board_.system.nowMs() - serverTimeAtMs_) / 1000);
}

bool Engine::isBusy() {
  if (state_ == State::staged) return isApproved_ && isQuiet();
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
  status.lastCheckAgeS = wasAnswered_ ? static_cast<uint32_t>((nowMs - lastAnswerMs_) / 1000) : UINT32_MAX;
  status.nextCheckInS = nextCheckMs_ > nowMs ? static_cast<uint32_t>((nextCheckMs_ - nowMs) / 1000) : 0;
  status.canRollBack = !journal_.cannotRollBack;
  return status;
}

}  // namespace otter
