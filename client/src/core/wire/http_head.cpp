#include "http_head.h"

#include <string.h>

#include "../offer/manifest.h"
#include "../text_buffer.h"

namespace otter {
namespace {

constexpr uint32_t kMaxChunkBytes = 1U << 20;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool equalsIgnoringCase(const char* text, size_t length, const char* expected) {
  if (strlen(expected) != length) return false;
  for (size_t i = 0; i < length; ++i)
    if (lower(text[i]) != expected[i]) return false;
  return true;
}

/** RFC 9110 5.6.2. */
bool isTokenChar(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/** Takes digits from `at`; false where there are none or the number does not fit. */
bool takeNumber(const char*& at, const char* end, uint32_t& number) {
  if (at == end || !isDigit(*at)) return false;
  uint64_t wide = 0;
  for (; at != end && isDigit(*at); ++at) {
    wide = wide * 10 + static_cast<uint64_t>(*at - '0');
    if (wide > UINT32_MAX) return false;
  }
  number = static_cast<uint32_t>(wide);
  return true;
}

bool parseNumber(const char* text, size_t length, uint32_t& number) {
  const char* at = text;
  return takeNumber(at, text + length, number) && at == text + length;
}

bool takeText(const char*& at, const char* end, const char* expected) {
  const size_t length = strlen(expected);
  if (static_cast<size_t>(end - at) < length || memcmp(at, expected, length) != 0) return false;
  at += length;
  return true;
}

/** `bytes 100-199/200` (RFC 9110 14.4); the end must fit the total. */
bool parseContentRange(const char* text, size_t length, HttpHead& head) {
  const char* at = text;
  const char* end = text + length;
  uint32_t last = 0;
  if (!takeText(at, end, "bytes ") || !takeNumber(at, end, head.rangeStart) || !takeText(at, end, "-")) return false;
  if (!takeNumber(at, end, last) || !takeText(at, end, "/") || !takeNumber(at, end, head.rangeTotal)) return false;
  return at == end && head.rangeStart <= last && last < head.rangeTotal;
}

/** The items of a list, such as `keep-alive, Upgrade`. */
bool hasToken(const char* text, size_t length, const char* token) {
  for (size_t at = 0; at < length;) {
    size_t end = at;
    while (end < length && text[end] != ',') ++end;
    size_t first = at;
    size_t last = end;
    while (first < last && text[first] == ' ') ++first;
    while (last > first && text[last - 1] == ' ') --last;
    if (equalsIgnoringCase(text + first, last - first, token)) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

Error HttpHeadReader::take(const char* line, size_t length) {
  for (size_t i = 0; i < length; ++i)
    if ((static_cast<uint8_t>(line[i]) < 0x20 && line[i] != '\t') || line[i] == 0x7F) return Error::http_protocol;
  if (!hasStatus_) return takeStatusLine(line, length);
  size_t nameLength = 0;
  while (nameLength < length && isTokenChar(line[nameLength])) ++nameLength;
  if (nameLength == 0 || nameLength == length || line[nameLength] != ':') return Error::http_protocol;
  const char* value = line + nameLength + 1;
  size_t valueLength = length - nameLength - 1;
  while (valueLength > 0 && (*value == ' ' || *value == '\t')) ++value, --valueLength;
  while (valueLength > 0 && (value[valueLength - 1] == ' ' || value[valueLength - 1] == '\t')) --valueLength;
  return takeHeader(line, nameLength, value, valueLength);
}

Error HttpHeadReader::takeStatusLine(const char* line, size_t length) {
  const char* at = line;
  const char* end = line + length;
  if (!takeText(at, end, "HTTP/1.")) return Error::http_protocol;
  if (at == end || (*at != '0' && *at != '1')) return Error::http_protocol;
  isHttp10_ = *at++ == '0';
  if (!takeText(at, end, " ") || end - at < 3) return Error::http_protocol;
  const char* statusStart = at;
  uint32_t status = 0;
  if (!takeNumber(at, end, status) || at - statusStart != 3) return Error::http_protocol;
  if (at != end && *at != ' ') return Error::http_protocol;
  // Interim answers (1xx) are for requests that ask for them.
  if (status < 200 || status > 599) return Error::http_protocol;
  head_.status = static_cast<uint16_t>(status);
  hasStatus_ = true;
  return Error::ok;
}

Error HttpHeadReader::takeHeader(const char* name, size_t nameLength, const char* value, size_t valueLength) {
  const auto is = [name, nameLength](const char* expected) { return equalsIgnoringCase(name, nameLength, expected); };
  if (is("content-length")) {
    if (head_.hasLength || !parseNumber(value, valueLength, head_.contentLength)) return Error::http_protocol;
    head_.hasLength = true;
  } else if (is("transfer-encoding")) {
    if (head_.isChunked || !equalsIgnoringCase(value, valueLength, "chunked")) return Error::http_protocol;
    head_.isChunked = true;
  } else if (is("content-encoding")) {
    if (!equalsIgnoringCase(value, valueLength, "identity")) return Error::http_protocol;
  } else if (is("content-range")) {
    if (hasContentRange_) return Error::http_protocol;
    hasContentRange_ = true;
    // The form without a range belongs to 416 and says nothing that is needed.
    head_.hasRange = parseContentRange(value, valueLength, head_);
  } else if (is("etag")) {
    if (head_.etag[0] != '\0') return Error::http_protocol;
    TextBuffer(head_.etag, sizeof head_.etag).add(value, valueLength);
  } else if (is("retry-after")) {
    const char* at = value;
    while (at != value + valueLength && isDigit(*at)) ++at;
    const bool isNumber = valueLength > 0 && at == value + valueLength;
    head_.hasRetryAfter = isNumber;
    // More digits than fit mean "very long", which the back-off bounds.
    if (isNumber && !parseNumber(value, valueLength, head_.retryAfterS)) head_.retryAfterS = UINT32_MAX;
  } else if (is("date")) {
    head_.dateS = parseHttpDate(value, valueLength);
  } else if (is("connection")) {
    saysClose_ = saysClose_ || hasToken(value, valueLength, "close");
    saysKeepAlive_ = saysKeepAlive_ || hasToken(value, valueLength, "keep-alive");
  }
  return Error::ok;
}

Error HttpHeadReader::finish() {
  if (!hasStatus_ || (head_.isChunked && head_.hasLength)) return Error::http_protocol;
  head_.keepsConnection = !saysClose_ && (!isHttp10_ || saysKeepAlive_);
  return Error::ok;
}

bool parseChunkSize(const char* line, size_t length, uint32_t& size) {
  size = 0;
  size_t at = 0;
  for (; at < length && line[at] != ';'; ++at) {
    const char c = lower(line[at]);
    const bool isLetter = c >= 'a' && c <= 'f';
    if (!isLetter && !isDigit(c)) return false;
    size = size * 16 + static_cast<uint32_t>(isLetter ? c - 'a' + 10 : c - '0');
    if (size > kMaxChunkBytes) return false;
  }
  return at > 0;
}

int64_t parseHttpDate(const char* text, size_t length) {
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (length != 29 || memcmp(text + 25, " GMT", 4) != 0) return 0;
  char month[4] = {text[8], text[9], text[10], '\0'};
  const char* found = strstr(kMonths, month);
  if (found == nullptr || (found - kMonths) % 3 != 0) return 0;
  const auto number = static_cast<char>((found - kMonths) / 3 + 1);
  // As the other spelling, which has a reader already.
  char instant[21];
  TextBuffer out(instant, sizeof instant);
  const char monthText[2] = {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
  out.add(text + 12, 4).add("-").add(monthText, 2).add("-").add(text + 5, 2).add("T").add(text + 17, 8).add("Z");
  int64_t epochS = 0;
  return parseInstant(instant, epochS) ? epochS : 0;
}

}  // namespace otter
