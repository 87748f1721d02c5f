// Status line and headers of an HTTP/1.1 answer, line by line (RFC 9112, RFC 9110). What it does not need it skips;
// what it needs must be spelled exactly and stand there once.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "http_client.h"

namespace otter {

class HttpHeadReader {
 public:
  explicit HttpHeadReader(HttpHead& head) : head_(head) {}

  /** One line without CR LF. `http_protocol`. */
  Error take(const char* line, size_t length);

  /** After the empty line: what the headers mean together. `http_protocol`. */
  Error finish();

 private:
  Error takeStatusLine(const char* line, size_t length);
  Error takeHeader(const char* name, size_t nameLength, const char* value, size_t valueLength);

  HttpHead& head_;
  bool hasStatus_ = false;
  bool isHttp10_ = false;
  bool hasContentRange_ = false;
  bool saysClose_ = false;
  bool saysKeepAlive_ = false;
};

/** Hexadecimal digits up to an extension (`;`); at most a MiB. */
bool parseChunkSize(const char* line, size_t length, uint32_t& size);

/** `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7); 0 for anything else. */
int64_t parseHttpDate(const char* text, size_t length);

}  // namespace otter
