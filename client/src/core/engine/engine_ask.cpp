// The part of the engine that asks the server: the check, what its answer brings (an offer, a configuration), the
// enrolment, and when it asks next.

#include <string.h>

#include "../memory/back_off.h"
#include "../memory/known_bad.h"
#include "../offer/label_rule.h"
#include "../offer/offer_validation.h"
#include "../text_buffer.h"
#include "../trust/release_signature.h"
#include "../wire/json.h"
#include "engine.h"
#include "../update/timing.h"

namespace otter {
namespace {

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

void Engine::recallAnswers() {
  if (board_.store.load(kServerKey, &storedServer_, 1) == 1) link_.useServer(storedServer_);
  auto* signedAt = reinterpret_cast<uint8_t*>(&signedAtS_);
  if (board_.store.load(kSignedAtKey, signedAt, sizeof signedAtS_) != sizeof signedAtS_ || signedAtS_ < 0)
    signedAtS_ = 0;
}

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

}  // namespace otter
