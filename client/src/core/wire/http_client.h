// A bounded HTTP/1.1 client (RFC 9112) over one connection: a line, the headers, a body and the time of an answer have
// limits, redirects are refused, and nothing is believed that is not spelled exactly. It allocates nothing; the
// connection is kept for the next request where the server agrees.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"
#include "../error_table.h"

namespace otter {

/** Where the server is. */
struct Server {
  char host[64];
  uint16_t port;
};

/** `https://host[:port]`, with or without a slash behind it; the host may be `[IPv6]`. False for anything else. */
bool parseServer(const char* url, Server& server);

struct HttpRequest {
  const char* method;
  const char* path;
  /** JSON; nullptr for none. */
  const char* body;
  size_t bodyBytes;
  /** Resume from here; 0: the whole. */
  uint32_t rangeStart;
  /** The entity tag of what was received so far. */
  const char* ifRange;
};

/** Status and headers of an answer, as far as this client acts on them. */
struct HttpHead {
  uint16_t status;
  bool keepsConnection;
  bool isChunked;
  bool hasLength;
  uint32_t contentLength;
  bool hasRange;
  uint32_t rangeStart;
  uint32_t rangeTotal;
  bool hasRetryAfter;
  uint32_t retryAfterS;
  /** `Date`, seconds since 1970; 0 where it is missing. */
  int64_t dateS;
  /** Empty where it is missing or too long. */
  char etag[72];
};

constexpr size_t kHttpLineBytes = 1024;
constexpr size_t kHttpHeadBytes = 4096;
/** What is read of a body that nobody wants. */
constexpr size_t kHttpDrainBytes = 2048;

class HttpClient {
 public:
  HttpClient(Connection& connection, System& system) : connection_(connection), system_(system) {}

  /** Both live as long as this object. */
  void setServer(const Server& server, const char* token) {
    server_ = &server;
    token_ = token;
  }
  /** For the requests from now on; it lives as long as this object. */
  void setToken(const char* token) { token_ = token; }

  /**
   * Sends a request and reads the head of the answer. On a kept connection that the server has closed meanwhile, it
   * tries once more on a new one: all requests of this protocol may be repeated. Errors of the connection;
   * `http_protocol`, `too_large`, `timeout`. After an error the connection is closed.
   */
  Error send(const HttpRequest& request, HttpHead& head);

  /**
   * The next bytes of the body; `received` 0 is its end. `connection_lost` where it is shorter than promised,
   * `http_protocol`, `timeout`.
   */
  Error readBody(uint8_t* bytes, size_t capacity, size_t& received);

  /** The whole body as a text with NUL; `too_large` where it has `capacity` bytes or more. */
  Error readText(char* text, size_t capacity, size_t& length);

  /** Reads the rest of a body that nobody wants, so that the connection can be kept, or closes it. */
  void drain();

  void close();

  /** How many connections were opened in all. */
  uint32_t openedCount() const { return openedCount_; }
  /** Status of the last answer that had a head; 0 before the first. */
  uint16_t lastStatus() const { return lastStatus_; }
  /** Body bytes received in all, for statistics. */
  uint64_t receivedBytes() const { return receivedBytes_; }

 private:
  enum class ChunkPart : uint8_t { size, data, dataEnd, trailer };

  Error exchange(const HttpRequest& request, HttpHead& head, bool& isStale);
  Error writeRequest(const HttpRequest& request);
  Error readHead(HttpHead& head, bool& isStale);
  Error readLine(const char*& line, size_t& length);
  Error fill(bool& isEnd);
  Error readRaw(uint8_t* bytes, size_t capacity, size_t& received);
  Error nextChunk(bool& isEnd);
  Error fail(Error error);

  Connection& connection_;
  System& system_;
  const Server* server_ = nullptr;
  const char* token_ = "";
  uint64_t deadlineMs_ = 0;
  uint64_t receivedBytes_ = 0;
  uint32_t openedCount_ = 0;
  uint16_t lastStatus_ = 0;
  /** Bytes of the body, or of its present chunk, that are still to come. */
  uint32_t remaining_ = 0;
  bool isChunked_ = false;
  bool isBodyDone_ = true;
  bool keepsConnection_ = false;
  ChunkPart chunkPart_ = ChunkPart::size;
  size_t trailerBytes_ = 0;
  /** Received and not yet consumed: `[start_, end_)`. The request is built here, too. */
  size_t start_ = 0;
  size_t end_ = 0;
  char buffer_[kHttpLineBytes];
};

}  // namespace otter
