#include "engine.h"

#include <string.h>

#include "../memory/back_off.h"
#include "idle_window.h"
#include "../wire/json.h"
#include "../memory/known_bad.h"
#include "../offer/label_rule.h"
#include "../trust/release_signature.h"
#include "timing.h"
#include "../offer/offer_validation.h"
#include "../text_buffer.h"

namespace otter {
namespace {

constexpr uint32_t kLongestStepMs = 1000;
constexpr const char* kServerKey = "server";
constexpr const char* kSignedAtKey = "signed_at";

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
  if (board_.store.load(kServerKey, &storedServer_, 1) == 1) link_.useServer(storedServer_);
  auto* signedAt = reinterpret_cast<uint8_t*>(&signedAtS_);
  if (board_.store.load(kSignedAtKey, signedAt, sizeof signedAtS_) != sizeof signedAtS_ || signedAtS_ < 0)
    signedAtS_ = 0;
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

// ---- asking the server

Outcome Engine::check() {
  const Outcome outcome = askForBuild();
  // The server was heard, this build is confirmed, and no update begins now: an image that waits goes on waiting.
  if (outcome == Outcome::nothing || outcome == Outcome::deferred || outcome == Outcome::refused) enrol();
  return outcome;
}

void Engine::enrol() {
  Enrolment outcome = Enrolment::none;
  const Error error = link_.enrol(space(), outcome);
  switch (outcome) {
    case Enrolment::none:
      return;
    case Enrolment::accepted:
      return tell(Event::enrolled, Error::ok);
    case Enrolment::pending:
      TextBuffer(detail_, sizeof detail_).add(link_.mac());
      return tell(Event::enrolment_pending, Error::ok);
    case Enrolment::failed:
      return tell(Event::enrolment_failed, error);
  }
}

Outcome Engine::askForBuild() {
  Json root;
  error_ = link_.ask(false, space(), root);
  tellOfAsking();
  const bool isFirst = isFirstCheck_;
  isFirstCheck_ = false;
  if (error_ != Error::ok) {
    if (isFirst && faultOf(error_) == Fault::network) contestTrialTimeout(error_);
    return Outcome::unreachable;
  }
  // A new answer takes the place of the last one, also where it is refused: nothing of the old offer is left to act on.
  error_ = readCheckAnswer(root, answer_);
  if (error_ == Error::json) return Outcome::unreachable;
  link_.noteUnderstood();
  failures_ = 0;
  intervalS_ = answer_.pollIntervalS;
  takeConfiguration(root.member("configuration"));
  if (error_ == Error::ok && !answer_.isOffer) {
    lastError_ = Error::ok;
    root.member("reason").copyString(detail_, sizeof detail_);
    tell(Event::checked, Error::ok);
    return Outcome::nothing;
  }
  if (error_ == Error::ok) error_ = vet(root);
  return error_ == Error::ok ? acceptOffer() : Outcome::refused;
}

/** Without a release key nobody can change the pins of the sketch, and nothing of this is looked at. */
void Engine::takeConfiguration(const Json& configuration) {
  if (!configuration.isThere() || settings_.releaseKeyCount == 0) return;
  const ConfigurationFacts facts = {settings_.product, settings_.keys(), link_.serverTimeS(), leastTimeS()};
  bool isNew = false;
  const Error error = configuredPins_.take(configuration, facts, isNew);
  if (error != Error::ok) return noteRefused(configuration, error);
  link_.noteConfiguration(configuredPins_.sequence(), Error::ok);
  if (!isNew) return;
  usePins();
  forgetServer();
  TextBuffer(detail_, sizeof detail_).addNumber(configuredPins_.sequence());
  tell(Event::pins_changed, Error::ok);
}

void Engine::noteRefused(const Json& configuration, Error error) {
  link_.noteConfiguration(configuredPins_.sequence(), error);
  uint32_t sequence = 0;
  configuration.member("sequence").toUint32(sequence);
  if (error == toldRefusedError_ && sequence == toldRefusedSequence_) return;
  toldRefusedError_ = error;
  toldRefusedSequence_ = sequence;
  TextBuffer(detail_, sizeof detail_).add("configuration ").addNumber(sequence);
  tell(Event::configuration_refused, error);
}

void Engine::usePins() {
  board_.connection.configurePins(configuredPins_.pins(), configuredPins_.count());
  link_.noteConfiguration(configuredPins_.sequence(), Error::ok);
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
  facts.wasForgiven = journal_.wasForgiven(answer_.manifest.sha256, answer_.assignmentId);
  facts.nowS = link_.serverTimeS();
  facts.leastS = leastTimeS();
  const Error error = validateOffer(facts, answer_, OfferLabels(root.member("labels")));
  if (error != Error::ok || settings_.releaseKeyCount == 0) return error;
  const Json signatures = root.member("manifest").member("signatures");
  if (!isSigned(answer_.manifest, signatures, settings_.keys())) return Error::signature;
  noteSigned();
  return Error::ok;
}

/** So a server cannot turn the time back behind what a release key has seen. Written once for each newer build. */
void Engine::noteSigned() {
  int64_t atS = 0;
  if (!parseInstant(answer_.manifest.createdAt, atS) || atS <= signedAtS_) return;
  signedAtS_ = atS;
  board_.store.save(kSignedAtKey, reinterpret_cast<const uint8_t*>(&signedAtS_), sizeof signedAtS_);
}

int64_t Engine::leastTimeS() {
  const int64_t builtAtS = board_.bootloader.runningBuiltAtS();
  return builtAtS > signedAtS_ ? builtAtS : signedAtS_;
}

/**
 * It becomes durable with the image that waits, before anything is tried; after a power cut before that the offer
 * forgives once more.
 */
void Engine::forgive() {
  const uint8_t* sha256 = answer_.manifest.sha256;
  if (!answer_.isForgiven || journal_.wasForgiven(sha256, answer_.assignmentId)) return;
  journal_.forgive(sha256, answer_.assignmentId);
}

Outcome Engine::acceptOffer() {
  const Manifest& manifest = answer_.manifest;
  installWindow_ = answer_.installWindow;
  const OfferView view = {manifest.product, manifest.version, manifest.sizeBytes, answer_.isRollback,
                          answer_.isOptional};
  const char* reason = answer_.isForced ? nullptr : board_.application.canUpdate(view);
  link_.setPostponed(reason == nullptr ? 0 : answer_.assignmentId, reason);
  if (reason != nullptr) {
    lastError_ = Error::deferred;
    tell(Event::deferred, Error::deferred);
    return Outcome::deferred;
  }
  lastError_ = Error::ok;
  forgive();
  if (isStagedImage(manifest)) return Outcome::offered_again;
  tell(Event::offered, Error::ok);
  return Outcome::offered;
}

bool Engine::isStagedImage(const Manifest& manifest) const {
  return journal_.stage == Stage::staged && memcmp(journal_.sha256, manifest.sha256, sizeof manifest.sha256) == 0;
}

void Engine::backOff() {
  http_.close();
  lastError_ = error_;
  const uint32_t random = board_.system.random();
  const uint32_t longestS = error_ == Error::auth ? kLongestAuthBackOffS : kLongestBackOffS;
  checkIn(link_.retryAfterS() > 0 ? retryAfterMs(link_.retryAfterS(), random) : backOffMs(failures_, longestS, random));
  ++failures_;
  tell(Event::failed, error_);
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
  link_.sendReports(space());
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
  journal_.addFailures(journal_.sha256, weightOfFailure(status, error));
  save();
  if (board_.system.isNetworkUp()) link_.sendReports(space());
}

void Engine::addReport(ReportStatus status, Error error) {
  journal_.addReport({journal_.assignmentId, status, error, resetReason_});
}

/** A journal that cannot be written is told, and costs at worst a download or a report. */
void Engine::save() {
  if (journalStore_.save(journal_) != Error::ok) lastError_ = Error::nvs;
}

void Engine::tell(Event event, Error error) {
  board_.application.onEvent(event, error, factsOf(event, error));
  detail_[0] = '\0';
}

/** A connection that is kept for the next request was told when it was opened. */
void Engine::tellOfAsking() {
  rememberServer();
  if (http_.openedCount() != toldConnections_) {
    toldConnections_ = http_.openedCount();
    TextBuffer(detail_, sizeof detail_).add(link_.server().host).add(":").addNumber(link_.server().port);
    tell(Event::connected, Error::ok);
  }
  if (link_.whyRefused() == nullptr) return;
  TextBuffer(detail_, sizeof detail_).add(link_.whyRefused());
  tell(Event::token_refused, Error::auth);
}

/** Where it answered last is asked first, after a restart too. Written only when it changes, which is rare. */
void Engine::rememberServer() {
  const auto index = static_cast<uint8_t>(link_.serverIndex());
  if (error_ != Error::ok || index == storedServer_) return;
  if (board_.store.save(kServerKey, &index, 1) == Error::ok) storedServer_ = index;
}

/** With other pins another server may be the right one: the first address is asked first again. */
void Engine::forgetServer() {
  link_.useServer(0);
  const uint8_t first = 0;
  if (storedServer_ != first && board_.store.save(kServerKey, &first, 1) == Error::ok) storedServer_ = first;
}

EventFacts Engine::factsOf(Event event, Error error) {
  if (error != Error::ok && detail_[0] == '\0') writeDetail(error);
  EventFacts facts = {settings_.version, journal_.sizeBytes, 0, detail_};
  switch (event) {
    case Event::connected:
    case Event::confirmed:
    case Event::rejected_build:
    case Event::enrolled:
    case Event::enrolment_pending:
    case Event::enrolment_failed:
    case Event::token_refused:
    case Event::pins_changed:
    case Event::configuration_refused:
      break;
    case Event::checked:
      facts.waitS = intervalS_;
      break;
    case Event::trial_started:
      facts.waitS = settings_.trialTimeoutS;
      break;
    case Event::offered:
    case Event::rejected:
    case Event::deferred:
      facts.version = answer_.manifest.version;
      facts.sizeBytes = answer_.manifest.sizeBytes;
      break;
    case Event::download_started:
    case Event::downloaded:
    case Event::installing:
      facts.version = journal_.version;
      break;
    case Event::rolled_back:
      facts.version = journal_.leftVersion;
      break;
    case Event::download_interrupted:
      facts.version = journal_.version;
      facts.waitS = secondsUntil(resumeAtMs_);
      break;
    case Event::failed:
      facts.waitS = secondsUntil(nextCheckMs_);
      break;
  }
  return facts;
}

/** What the error itself does not say. */
void Engine::writeDetail(Error error) {
  TextBuffer out(detail_, sizeof detail_);
  switch (error) {
    case Error::dns:
    case Error::connect:
    case Error::tls:
    case Error::pin_mismatch:
      out.add(link_.server().host).add(":").addNumber(link_.server().port);
      if (board_.connection.detail()[0] != '\0') out.add(", ").add(board_.connection.detail());
      return;
    case Error::http_status:
    case Error::auth:
    case Error::redirect_refused:
      out.add("status ").addNumber(http_.lastStatus());
      return;
    case Error::low_memory:
      out.addNumber(board_.system.freeHeapBytes()).add(" bytes are free, ");
      out.addNumber(board_.system.largestHeapBlockBytes()).add(" in one piece");
      return;
    case Error::size:
      out.addNumber(answer_.manifest.sizeBytes).add(" bytes into ").addNumber(board_.bootloader.spareSlotBytes());
      return;
    case Error::chip:
      out.add("this board is an ").add(board_.system.chip());
      if (board_.system.chipRevision() != kUnknownRevision)
        out.add(" of revision ").addNumber(board_.system.chipRevision());
      return;
    case Error::product:
      out.add("this board is a ").add(settings_.product);
      return;
    case Error::downgrade:
      out.add("this board runs ").add(settings_.version);
      return;
    default:
      return;
  }
}

uint32_t Engine::secondsUntil(uint64_t atMs) const {
  const uint64_t nowMs = board_.system.nowMs();
  return atMs > nowMs ? static_cast<uint32_t>((atMs - nowMs + 999) / 1000) : 0;
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
