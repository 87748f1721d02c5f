#include "http_client.h"

#include <string.h>

#include "http_head.h"
#include "../text_buffer.h"
#include "../update/timing.h"

namespace otter {

bool parseServer(const char* url, Server& server) {
  constexpr char kScheme[] = "https://";
  if (strncmp(url, kScheme, sizeof kScheme - 1) != 0) return false;
  const char* host = url + sizeof kScheme - 1;
  const bool isBracketed = *host == '[';
  const char* hostEnd = isBracketed ? strchr(host, ']') : host + strcspn(host, ":/");
  if (hostEnd == nullptr) return false;
  const char* name = isBracketed ? host + 1 : host;
  const auto length = static_cast<size_t>(hostEnd - name);
  if (length == 0 || length >= sizeof server.host) return false;
  for (size_t i = 0; i < length; ++i)
    if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_", name[i]) == nullptr) return false;
  memcpy(server.host, name, length);
  server.host[length] = '\0';
  const char* at = isBracketed ? hostEnd + 1 : hostEnd;
  uint32_t port = 443;
  if (*at == ':') {
    port = 0;
    for (++at; *at >= '0' && *at <= '9' && port <= UINT16_MAX; ++at)
      port = port * 10 + static_cast<uint32_t>(*at - '0');
  }
  if (*at == '/') ++at;
  if (*at != '\0' || port == 0 || port > UINT16_MAX) return false;
  server.port = static_cast<uint16_t>(port);
  return true;
}

Error HttpClient::send(const HttpRequest& request, HttpHead& head) {
  deadlineMs_ = system_.nowMs() + kAnswerTimeoutMs;
  // Bytes behind the last body belong to no answer: whatever they are, this connection is not used again.
  if (!isBodyDone_ || !keepsConnection_ || start_ < end_) close();
  const bool isReused = connection_.isOpen();
  bool isStale = false;
  const Error error = exchange(request, head, isStale);
  if (error == Error::ok || !isReused || !isStale) return error;
  return exchange(request, head, isStale);
}

/** `isStale`: not one byte of an answer came, so a kept connection may simply have ended. */
Error HttpClient::exchange(const HttpRequest& request, HttpHead& head, bool& isStale) {
  isStale = true;
  start_ = end_ = 0;
  if (!connection_.isOpen()) {
    const Error error = connection_.open(server_->host, server_->port);
    if (error != Error::ok) return fail(error);
    ++openedCount_;
    deadlineMs_ = system_.nowMs() + kAnswerTimeoutMs;
  }
  const Error sent = writeRequest(request);
  if (sent != Error::ok) return fail(sent);
  const Error error = readHead(head, isStale);
  if (error != Error::ok) return fail(error);
  lastStatus_ = head.status;
  isChunked_ = head.isChunked;
  chunkPart_ = ChunkPart::size;
  trailerBytes_ = 0;
  remaining_ = head.hasLength ? head.contentLength : 0;
  const bool hasKnownEnd = head.isChunked || head.hasLength || head.status == 204 || head.status == 304;
  // A body that ends with the connection: an answer that is acted on has none, and any other is not read.
  if (!hasKnownEnd && head.status < 300) return fail(Error::http_protocol);
  keepsConnection_ = head.keepsConnection && hasKnownEnd;
  isBodyDone_ = head.status == 204 || head.status == 304 || (!head.isChunked && remaining_ == 0);
  return Error::ok;
}

Error HttpClient::writeRequest(const HttpRequest& request) {
  TextBuffer out(buffer_, sizeof buffer_);
  const bool isIpv6 = strchr(server_->host, ':') != nullptr;
  out.add(request.method).add(" ").add(request.path).add(" HTTP/1.1\r\nHost: ");
  out.add(isIpv6 ? "[" : "").add(server_->host).add(isIpv6 ? "]" : "").add(":").addNumber(server_->port);
  out.add("\r\nAuthorization: Bearer ").add(token_).add("\r\nAccept-Encoding: identity\r\n");
  if (request.rangeStart > 0) {
    out.add("Range: bytes=").addNumber(request.rangeStart).add("-\r\n");
    out.add("If-Range: ").add(request.ifRange).add("\r\n");
  }
  if (request.body != nullptr)
    out.add("Content-Type: application/json\r\nContent-Length: ").addNumber(request.bodyBytes).add("\r\n");
  out.add("\r\n");
  if (!out.isWhole()) return Error::too_large;
  const Error error = connection_.write(buffer_, out.size());
  if (error != Error::ok || request.body == nullptr) return error;
  return connection_.write(request.body, request.bodyBytes);
}

Error HttpClient::readHead(HttpHead& head, bool& isStale) {
  memset(static_cast<void*>(&head), 0, sizeof head);
  HttpHeadReader reader(head);
  size_t headBytes = 0;
  for (;;) {
    const char* line = nullptr;
    size_t length = 0;
    const Error error = readLine(line, length);
    if (end_ > 0) isStale = false;
    if (error != Error::ok) return error;
    headBytes += length + 2;
    if (headBytes > kHttpHeadBytes) return Error::too_large;
    if (length == 0) return reader.finish();
    const Error taken = reader.take(line, length);
    if (taken != Error::ok) return taken;
  }
}

/** A line without its CR LF; it stays where it is until the next call. */
Error HttpClient::readLine(const char*& line, size_t& length) {
  size_t searched = start_;
  for (;;) {
    const auto* newline = static_cast<const char*>(memchr(buffer_ + searched, '\n', end_ - searched));
    if (newline != nullptr) {
      line = buffer_ + start_;
      length = static_cast<size_t>(newline - line);
      start_ += length + 1;
      if (length == 0 || line[length - 1] != '\r') return Error::http_protocol;
      --length;
      return Error::ok;
    }
    searched = end_ - start_;
    memmove(buffer_, buffer_ + start_, end_ - start_);
    end_ -= start_;
    start_ = 0;
    if (end_ == sizeof buffer_) return Error::too_large;
    bool isEnd = false;
    const Error error = fill(isEnd);
    if (error != Error::ok) return error;
    if (isEnd) return Error::connection_lost;
  }
}

Error HttpClient::fill(bool& isEnd) {
  if (system_.nowMs() >= deadlineMs_) return Error::timeout;
  size_t received = 0;
  const Error error = connection_.read(reinterpret_cast<uint8_t*>(buffer_) + end_, sizeof buffer_ - end_, received);
  end_ += received;
  isEnd = received == 0;
  return error;
}

Error HttpClient::readBody(uint8_t* bytes, size_t capacity, size_t& received) {
  received = 0;
  if (isBodyDone_) return Error::ok;
  if (isChunked_ && chunkPart_ != ChunkPart::data) {
    bool isEnd = false;
    const Error error = nextChunk(isEnd);
    if (error != Error::ok) return fail(error);
    if (isEnd) {
      isBodyDone_ = true;
      return Error::ok;
    }
  }
  const size_t wanted = remaining_ < capacity ? remaining_ : capacity;
  const Error error = readRaw(bytes, wanted, received);
  if (error != Error::ok) return fail(error);
  // The end of the stream before the end of the body.
  if (received == 0) return fail(Error::connection_lost);
  receivedBytes_ += received;
  remaining_ -= static_cast<uint32_t>(received);
  if (remaining_ == 0) {
    if (isChunked_) {
      chunkPart_ = ChunkPart::dataEnd;
    } else {
      isBodyDone_ = true;
    }
  }
  return Error::ok;
}

Error HttpClient::readRaw(uint8_t* bytes, size_t capacity, size_t& received) {
  if (start_ < end_) {
    received = end_ - start_ < capacity ? end_ - start_ : capacity;
    memcpy(bytes, buffer_ + start_, received);
    start_ += received;
    return Error::ok;
  }
  return connection_.read(bytes, capacity, received);
}

/** RFC 9112 7.1: reads up to the data of the next chunk, or through the trailer of the last one. */
Error HttpClient::nextChunk(bool& isEnd) {
  for (;;) {
    const char* line = nullptr;
    size_t length = 0;
    const Error error = readLine(line, length);
    if (error != Error::ok) return error;
    if (chunkPart_ == ChunkPart::dataEnd) {
      if (length != 0) return Error::http_protocol;
      chunkPart_ = ChunkPart::size;
    } else if (chunkPart_ == ChunkPart::size) {
      if (!parseChunkSize(line, length, remaining_)) return Error::http_protocol;
      chunkPart_ = remaining_ == 0 ? ChunkPart::trailer : ChunkPart::data;
      if (remaining_ > 0) return Error::ok;
    } else {
      trailerBytes_ += length + 2;
      if (trailerBytes_ > kHttpHeadBytes) return Error::too_large;
      isEnd = length == 0;
      if (isEnd) return Error::ok;
    }
  }
}

Error HttpClient::readText(char* text, size_t capacity, size_t& length) {
  length = 0;
  for (;;) {
    if (system_.nowMs() >= deadlineMs_) return fail(Error::timeout);
    size_t received = 0;
    // With room for the NUL; a body that fills the rest as well is too large.
    const Error error = readBody(reinterpret_cast<uint8_t*>(text) + length, capacity - length, received);
    if (error != Error::ok) return error;
    if (received == 0) break;
    length += received;
    if (length >= capacity) return fail(Error::too_large);
  }
  text[length] = '\0';
  return Error::ok;
}

void HttpClient::drain() {
  uint8_t unwanted[128];
  for (size_t drained = 0; !isBodyDone_;) {
    size_t received = 0;
    if (drained >= kHttpDrainBytes || system_.nowMs() >= deadlineMs_) return close();
    if (readBody(unwanted, sizeof unwanted, received) != Error::ok) return;
    drained += received;
  }
  if (!keepsConnection_) close();
}

void HttpClient::close() {
  connection_.close();
  isBodyDone_ = true;
  start_ = end_ = 0;
}

Error HttpClient::fail(Error error) {
  close();
  return error;
}

}  // namespace otter
