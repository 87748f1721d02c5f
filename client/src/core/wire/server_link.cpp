#include "server_link.h"

#include "../bytes.h"
#include "../offer/check_in.h"
#include "../trust/signature.h"

namespace otter {
namespace {

/** From then on every second check goes out with the fleet token: perhaps it is the own one that the server trips on. */
constexpr uint8_t kMaxUnheard = 6;

/** The server knows this report and does not want it. */
bool isRefusedForGood(uint16_t status) { return status == 400 || status == 404 || status == 409 || status == 413; }

/** It has no time for anybody. */
bool isNotNow(uint16_t status) { return status == 429 || status == 503; }

}  // namespace

void ServerLink::begin(const Settings& settings, ResetReason resetReason) {
  settings_ = &settings;
  resetReason_ = resetReason;
  token_.load();
  useServer(0);
  system_.mac(mac_);
  // A key that cannot be read signs nothing, and no key has an empty name.
  for (size_t i = 0; i < settings.releaseKeyCount; ++i)
    if (!keyIdOf(settings.releaseKeys[i], keyIds_[i])) keyIds_[i][0] = '\0';
}

void ServerLink::useServer(size_t index) {
  serverIndex_ = index < settings_->serverCount ? index : 0;
  http_.close();
  http_.setServer(server(), settings_->token);
  useToken(token_.isAccepted());
}

void ServerLink::useToken(bool isOwnToken) {
  isOwnToken_ = isOwnToken;
  http_.setToken(isOwnToken ? token_.text() : settings_->token);
}

Error ServerLink::ask(bool isOnTrial, const TextSpace& space, Json& root) {
  whyRefused_ = nullptr;
  Error error = Error::ok;
  for (size_t tried = 0; tried < settings_->serverCount; ++tried) {
    error = askServer(isOnTrial, space, root);
    // Who answered is the server, whatever it said. Without a network the other address is no better.
    if (faultOf(error) != Fault::network || error == Error::ok || error == Error::no_network) return error;
    if (tried + 1 < settings_->serverCount) useServer((serverIndex_ + 1) % settings_->serverCount);
  }
  return error;
}

Error ServerLink::askServer(bool isOnTrial, const TextSpace& space, Json& root) {
  retryAfterS_ = 0;
  if (!system_.isNetworkUp()) return Error::no_network;
  freeHeapBytes_ = system_.freeHeapBytes();
  largestBlockBytes_ = system_.largestHeapBlockBytes();
  const uint32_t openedBefore = http_.openedCount();
  const Error error = askWith(token_.isAccepted() && unheard_ < kMaxUnheard, isOnTrial, space, root);
  takeTurns(error, openedBefore);
  if (!helpsOtherToken(error)) return error;
  if (isOwnToken_ && error == Error::auth) noteRefused();
  const Error second = askWith(!isOwnToken_, isOnTrial, space, root);
  // Accepted after all: what said otherwise, or the answer that said so, was lost.
  if (second == Error::ok && isOwnToken_) token_.note(TokenState::accepted, kEnrolAgainS, system_.nowMs(), serverTimeS());
  return second == Error::auth ? error : second;
}

/** Counts what the token of this board was not answered, where the server was there: the connection stood. */
void ServerLink::takeTurns(Error error, uint32_t openedBefore) {
  const bool wasThere = faultOf(error) != Fault::network || http_.openedCount() != openedBefore;
  if (isOwnToken_ && (wasThere || error == Error::ok)) {
    ++unheard_;
  } else if (unheard_ >= kMaxUnheard) {
    unheard_ = kMaxUnheard - 1;
  }
}

void ServerLink::noteUnderstood() {
  if (isOwnToken_) unheard_ = 0;
}

/**
 * The fleet token after every answer to the own one that is none, unless the server has no time for anybody; the own
 * one only where the fleet token is refused.
 */
bool ServerLink::helpsOtherToken(Error error) const {
  if (isOwnToken_)
    return error != Error::ok && faultOf(error) == Fault::server && !isNotNow(http_.lastStatus());
  return error == Error::auth && token_.isOwn();
}

void ServerLink::noteRefused() {
  const bool isForeign = code_ == Code::other_board;
  whyRefused_ = isForeign ? "other_board" : (code_ == Code::token_revoked ? "token_revoked" : "token_invalid");
  token_.refuse(isForeign ? TokenState::foreign : TokenState::refused);
}

Error ServerLink::askWith(bool isOwnToken, bool isOnTrial, const TextSpace& space, Json& root) {
  useToken(isOwnToken);
  // A report that the server cannot take just now holds up no check; a connection that fails would fail again.
  const Error reported = sendReports(space);
  if (reported != Error::ok && faultOf(reported) == Fault::network) return reported;
  HttpHead head;
  const Error sent = post("/api/v1/check-update", space, writeCheckInTo(space, isOnTrial), head);
  if (sent != Error::ok) return sent;
  if (head.status != 200) return refusedBy(head, space);
  size_t length = 0;
  const Error read = http_.readText(space.bytes, space.capacity, length);
  if (read != Error::ok) return read;
  if (!Json::parse(space.bytes, length, root) || !root.isObject()) return Error::json;
  wasAnswered_ = true;
  lastAnswerMs_ = system_.nowMs();
  if (head.dateS > 0) {
    serverTimeS_ = head.dateS;
    serverTimeAtMs_ = lastAnswerMs_;
  }
  return Error::ok;
}

Error ServerLink::sendReports(const TextSpace& space) {
  // A board whose token the server trips on speaks with the fleet token, and with that its reports would be refused for
  // good: they wait for its own.
  if (isOwnToken_ != token_.isAccepted()) return Error::ok;
  bool isResultGone = false;
  Error error = Error::ok;
  while (journal_.reportCount > 0 && error == Error::ok) {
    HttpHead head;
    const Report& report = journal_.reports[0];
    const size_t bodyBytes = writeReport(mac_, report, space.bytes, space.capacity);
    error = post("/api/v1/report-status", space, bodyBytes, head);
    if (error != Error::ok) break;
    if (head.status == 200) {
      http_.drain();
    } else {
      error = refusedBy(head, space);
      const bool isNotOurs = head.status == 403 && code_ == Code::not_this_board;
      if (!isRefusedForGood(head.status) && !isNotOurs) break;
      error = Error::ok;
    }
    isResultGone = isResultGone || isFinal(report.status);
    journal_.removeReport(0);
  }
  // What was only for people never was in NVS, unless something else was saved with it. Should this write fail, the
  // report is sent once more, which changes nothing.
  if (isResultGone) journalStore_.save(journal_);
  return error;
}

/** A body in the space goes out; the head of the answer comes back. 0 bytes: the body did not fit. */
Error ServerLink::post(const char* path, const TextSpace& space, size_t bodyBytes, HttpHead& head) {
  if (bodyBytes == 0) return Error::too_large;
  return http_.send({"POST", path, space.bytes, bodyBytes, 0, nullptr}, head);
}

/** What a status other than 200 means. The space loses what it holds. */
Error ServerLink::refusedBy(const HttpHead& head, const TextSpace& space) {
  retryAfterS_ = head.hasRetryAfter ? head.retryAfterS : 0;
  code_ = Code::other;
  const bool isAboutToken = head.status == 401 || head.status == 403;
  if (isAboutToken) readCode(space);
  http_.drain();
  if (isAboutToken) return Error::auth;
  return head.status >= 300 && head.status < 400 ? Error::redirect_refused : Error::http_status;
}

/** An answer that cannot be read has no code that is acted on. */
void ServerLink::readCode(const TextSpace& space) {
  const size_t capacity = space.capacity < kMaxErrorBytes + 1 ? space.capacity : kMaxErrorBytes + 1;
  size_t length = 0;
  Json root;
  if (http_.readText(space.bytes, capacity, length) != Error::ok || !Json::parse(space.bytes, length, root)) return;
  const Json code = root.member("error").member("code");
  if (code.equals("token_revoked", 13)) code_ = Code::token_revoked;
  if (code.equals("other_board", 11)) code_ = Code::other_board;
  if (code.equals("not_this_board", 14)) code_ = Code::not_this_board;
}

size_t ServerLink::writeCheckInTo(const TextSpace& space, bool isOnTrial) {
  uint8_t identity[32];
  const bool hasIdentity = bootloader_.runningElfSha256(identity) && !isAllZero(identity, sizeof identity);
  CheckIn checkIn = {};
  checkIn.mac = mac_;
  checkIn.version = settings_->version;
  checkIn.product = settings_->product;
  checkIn.chip = system_.chip();
  checkIn.labelHints = settings_->labelHints;
  checkIn.labelHintCount = settings_->labelHintCount;
  checkIn.slotBytes = bootloader_.spareSlotBytes();
  checkIn.imageSha256 = hasIdentity ? identity : nullptr;
  checkIn.isOnTrial = isOnTrial;
  checkIn.canRollBack = !journal_.cannotRollBack;
  checkIn.resetReason = resetReason_;
  checkIn.leftVersion = journal_.leftVersion;
  checkIn.uptimeS = static_cast<uint32_t>(system_.nowMs() / 1000);
  checkIn.flashBytes = system_.flashBytes();
  checkIn.chipRevision = system_.chipRevision();
  checkIn.postponedId = postponedId_;
  checkIn.postponedReason = postponedReason_;
  checkIn.nextCheckS = settings_->nextCheckS;
  checkIn.freeHeapBytes = freeHeapBytes_;
  checkIn.largestBlockBytes = largestBlockBytes_;
  checkIn.rssiDbm = system_.rssiDbm();
  checkIn.releaseKeyIds = keyIds_;
  checkIn.releaseKeyCount = settings_->releaseKeyCount;
  checkIn.signaturesNeeded = settings_->signaturesNeeded;
  checkIn.pins = settings_->pins;
  checkIn.pinCount = settings_->pinCount;
  checkIn.configurationSequence = configurationSequence_;
  checkIn.configurationError = configurationError_;
  checkIn.library = settings_->library;
  return writeCheckIn(checkIn, space.bytes, space.capacity);
}

int64_t ServerLink::serverTimeS() {
  if (serverTimeS_ == 0) return 0;
  return serverTimeS_ + static_cast<int64_t>((system_.nowMs() - serverTimeAtMs_) / 1000);
}

uint32_t ServerLink::lastAnswerAgeS() {
  return wasAnswered_ ? static_cast<uint32_t>((system_.nowMs() - lastAnswerMs_) / 1000) : UINT32_MAX;
}

}  // namespace otter
