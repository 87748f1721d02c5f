// The part of the link that asks the server to accept the token of this board (docs/device-protocol.md, "A board
// enrols"). Every answer, and none, leaves a board that goes on with the fleet token and asks again later.

#include "../memory/back_off.h"
#include "../offer/check_in.h"
#include "server_link.h"

namespace otter {
namespace {

/** A server that knows no device tokens may be a newer one tomorrow. */
constexpr uint32_t kAskOldServerAgainS = 86400;

}  // namespace

Error ServerLink::enrol(const TextSpace& space, Enrolment& outcome) {
  outcome = Enrolment::none;
  const uint64_t nowMs = system_.nowMs();
  if (!token_.mayAsk(nowMs, serverTimeS())) return Error::ok;
  outcome = Enrolment::failed;
  if (!token_.isOwn()) {
    const Error made = token_.make(system_);
    if (made != Error::ok) {
      token_.askAt(nowMs + static_cast<uint64_t>(kEnrolAgainS) * 1000);
      return made;
    }
  }
  useToken(false);
  const Error error = askToEnrol(space, outcome);
  useToken(token_.isAccepted());
  return error;
}

Error ServerLink::askToEnrol(const TextSpace& space, Enrolment& outcome) {
  retryAfterS_ = 0;
  TokenState state = TokenState::unasked;
  const Error error = postEnrolment(space, state);
  const bool isOldServer = error == Error::http_status && http_.lastStatus() == 404;
  const uint64_t nowMs = system_.nowMs();
  if (error == Error::ok || error == Error::auth || isOldServer) {
    enrolFailures_ = 0;
    if (error == Error::auth && code_ == Code::other_board) state = TokenState::foreign;
    token_.note(state, isOldServer ? kAskOldServerAgainS : kEnrolAgainS, nowMs, serverTimeS());
    if (isOldServer) outcome = Enrolment::none;
    if (error == Error::ok) outcome = state == TokenState::accepted ? Enrolment::accepted : Enrolment::pending;
    return isOldServer ? Error::ok : error;
  }
  // No answer, or one without a meaning: whether the token was accepted is not known, and asking again costs nothing.
  const uint32_t random = system_.random();
  const uint32_t ownWaitMs = backOffMs(enrolFailures_, kEnrolAgainS, random);
  const uint32_t askedWaitMs = retryAfterMs(retryAfterS_, random);
  token_.askAt(nowMs + (askedWaitMs > ownWaitMs ? askedWaitMs : ownWaitMs));
  if (enrolFailures_ < UINT8_MAX) ++enrolFailures_;
  return error;
}

Error ServerLink::postEnrolment(const TextSpace& space, TokenState& state) {
  HttpHead head;
  const size_t bodyBytes = writeEnrolment(mac_, token_.text(), space.bytes, space.capacity);
  const Error sent = post("/api/v1/enrol", space, bodyBytes, head);
  if (sent != Error::ok) return sent;
  if (head.status != 200) return refusedBy(head, space);
  size_t length = 0;
  const Error read = http_.readText(space.bytes, space.capacity, length);
  if (read != Error::ok) return read;
  Json root;
  if (!Json::parse(space.bytes, length, root)) return Error::json;
  const Json said = root.member("state");
  if (said.equals("accepted", 8)) {
    state = TokenState::accepted;
  } else if (said.equals("pending", 7)) {
    state = TokenState::pending;
  } else {
    return Error::json;
  }
  return Error::ok;
}

}  // namespace otter
