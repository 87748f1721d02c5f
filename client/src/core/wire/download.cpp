#include "download.h"

#include <string.h>

#include "../offer/image_head.h"
#include "../text_buffer.h"
#include "../update/timing.h"

namespace otter {

Error verifySlot(SpareSlot& slot, const uint8_t header[kHeaderBytes], uint32_t sizeBytes, const uint8_t sha256[32],
                 uint8_t* buffer, size_t capacity) {
  Sha256 hash;
  hash.begin();
  hash.update(header, kHeaderBytes);
  for (uint32_t at = kHeaderBytes; at < sizeBytes;) {
    const size_t count = sizeBytes - at < capacity ? sizeBytes - at : capacity;
    const Error error = slot.read(at, buffer, count);
    if (error != Error::ok) return error;
    hash.update(buffer, count);
    at += static_cast<uint32_t>(count);
  }
  uint8_t found[32];
  return hash.finish(found) && memcmp(found, sha256, sizeof found) == 0 ? Error::ok : Error::flash_hash;
}

void Download::start(const CheckAnswer& offer) {
  offer_ = &offer;
  activeMs_ = 0;
  etag_[0] = '\0';
  retryAfterS_ = 0;
  isAnswerOpen_ = false;
  startOver();
}

void Download::startOver() {
  if (isSlotOpen_) slot_.abort();
  isSlotOpen_ = false;
  doneBytes_ = 0;
  sha256_.begin();
}

void Download::abort() {
  startOver();
  isAnswerOpen_ = false;
  http_.close();
}

Error Download::step(uint8_t* buffer, size_t capacity, bool& isFinal) {
  isFinal = false;
  if (!isAnswerOpen_) {
    const Error error = request(isFinal);
    if (error != Error::ok) {
      http_.drain();
      return error;
    }
  }
  size_t count = 0;
  const Error error = readPiece(buffer, capacity, count, isFinal);
  if (error != Error::ok) {
    isAnswerOpen_ = false;
    http_.close();
    return error;
  }
  const Error written = writePiece(buffer, count);
  isFinal = written != Error::ok;
  if (isComplete()) isAnswerOpen_ = false;
  return written;
}

Error Download::request(bool& isFinal) {
  retryAfterS_ = 0;
  // Without an entity tag there is nothing to compare a rest with.
  if (etag_[0] == '\0') startOver();
  HttpHead head;
  const Error error = http_.send({"GET", offer_->url, nullptr, 0, doneBytes_, etag_}, head);
  if (error != Error::ok) return error;
  const Error answered = takeAnswer(head, isFinal);
  if (answered != Error::ok) return answered;
  TextBuffer(etag_, sizeof etag_).add(head.etag);
  isAnswerOpen_ = true;
  lastMs_ = windowStartMs_ = system_.nowMs();
  windowBytes_ = 0;
  return Error::ok;
}

Error Download::takeAnswer(const HttpHead& head, bool& isFinal) {
  const uint32_t sizeBytes = offer_->manifest.sizeBytes;
  if (head.status >= 500 || head.status == 429 || head.status == 408) {
    retryAfterS_ = head.hasRetryAfter ? head.retryAfterS : 0;
    return Error::http_status;
  }
  isFinal = true;
  if (head.status == 401) return Error::auth;
  if (head.status >= 300 && head.status < 400) return Error::redirect_refused;
  if (head.status != 200 && head.status != 206) return Error::http_status;
  if (!head.hasLength) return Error::length;
  // The server starts over: it has another file behind this address, or knows no ranges.
  if (head.status == 200) startOver();
  const bool isRest = head.status == 206;
  if (isRest && (doneBytes_ == 0 || !head.hasRange)) return Error::range_invalid;
  if (isRest && (head.rangeStart != doneBytes_ || head.rangeTotal != sizeBytes)) return Error::range_invalid;
  if (head.contentLength != sizeBytes - doneBytes_) return Error::length;
  isFinal = false;
  return Error::ok;
}

/** Fills the buffer, or takes the last bytes of the image. */
Error Download::readPiece(uint8_t* buffer, size_t capacity, size_t& count, bool& isFinal) {
  const uint32_t missing = offer_->manifest.sizeBytes - doneBytes_;
  const size_t wanted = missing < capacity ? missing : capacity;
  while (count < wanted) {
    size_t received = 0;
    const Error error = http_.readBody(buffer + count, wanted - count, received);
    if (error != Error::ok) return error;
    if (received == 0) return Error::connection_lost;
    count += received;
    const Error pace = checkPace(received, isFinal);
    if (pace != Error::ok) return pace;
  }
  return Error::ok;
}

Error Download::checkPace(size_t received, bool& isFinal) {
  const uint64_t nowMs = system_.nowMs();
  activeMs_ += nowMs - lastMs_;
  lastMs_ = nowMs;
  const uint64_t longestMs =
      kDownloadBaseMs + static_cast<uint64_t>(offer_->manifest.sizeBytes) * 1000 / kDownloadBytesPerS;
  isFinal = activeMs_ > longestMs;
  if (isFinal) return Error::timeout;
  windowBytes_ += static_cast<uint32_t>(received);
  if (nowMs - windowStartMs_ < kTransferGraceMs) return Error::ok;
  const uint64_t smallest = (nowMs - windowStartMs_) * kMinTransferBytesPerS / 1000;
  if (windowBytes_ < smallest) return Error::stalled;
  windowStartMs_ = nowMs;
  windowBytes_ = 0;
  return Error::ok;
}

Error Download::writePiece(uint8_t* buffer, size_t count) {
  const Manifest& manifest = offer_->manifest;
  if (!isSlotOpen_) {
    // Before the first byte of the slot is erased, which still holds the build before this one.
    const size_t head = manifest.sizeBytes < kImageHeadBytes ? 0 : kImageHeadBytes;
    if (head == 0 || count < head) return Error::image;
    const Error checked = checkImageHead(
        buffer, {system_.chipId(), system_.chipRevision(), manifest.sizeBytes}, manifest.elfSha256);
    if (checked != Error::ok) return checked;
    const Error begun = slot_.begin(manifest.sizeBytes);
    if (begun != Error::ok) return begun;
    isSlotOpen_ = true;
  }
  sha256_.update(buffer, count);
  const Error error = slot_.write(buffer, count);
  if (error == Error::ok) doneBytes_ += static_cast<uint32_t>(count);
  return error;
}

Error Download::verify(uint8_t header[kHeaderBytes], uint8_t* buffer, size_t capacity) {
  const Manifest& manifest = offer_->manifest;
  uint8_t found[32];
  if (!sha256_.finish(found) || memcmp(found, manifest.sha256, sizeof found) != 0) {
    abort();
    return Error::hash;
  }
  const Error sealed = slot_.seal(header);
  isSlotOpen_ = false;
  if (sealed != Error::ok) return sealed;
  return verifySlot(slot_, header, manifest.sizeBytes, manifest.sha256, buffer, capacity);
}

}  // namespace otter
