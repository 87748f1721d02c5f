// The HTTP client over a connection in memory: every answer arrives whole, in single bytes, and in pieces between.

#include "core/wire/http_client.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/update/timing.h"
#include "support/memory_connection.h"
#include "support/test_system.h"

using namespace otter;
using otter_test::MemoryConnection;
using otter_test::TestSystem;
using Talks = std::vector<MemoryConnection::Talk>;

namespace {

const Server kServer = {"otter.local", 8443};
constexpr HttpRequest kPost = {"POST", "/api/v1/check-update", "{\"a\":1}", 7, 0, nullptr};
constexpr HttpRequest kGet = {"GET", "/image.bin", nullptr, 0, 0, ""};

/** A client and its server. */
struct Bench {
  TestSystem system;
  MemoryConnection connection;
  HttpClient http;
  HttpHead head = {};

  explicit Bench(Talks talks, size_t pieceBytes = SIZE_MAX)
      : connection(system, std::move(talks)), http(connection, system) {
    connection.pieceBytes = pieceBytes;
    http.setServer(kServer, "token-1");
  }

  Error send(const HttpRequest& request = kPost) { return http.send(request, head); }

  /** The whole body, read into a buffer of this size. */
  Error readAll(std::string& body, size_t bufferBytes = 64) {
    body.clear();
    for (;;) {
      std::vector<uint8_t> buffer(bufferBytes);
      size_t received = 0;
      const Error error = http.readBody(buffer.data(), buffer.size(), received);
      if (error != Error::ok || received == 0) return error;
      body.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(received));
    }
  }
};

const size_t kPieces[] = {1, 2, 3, 5, 7, 64, 1000, SIZE_MAX};

std::string named(Error error) { return nameOf(error); }

std::string withLength(const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\n" + more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/** What `send` says to these bytes, in pieces of every size; the same for all of them. */
std::string headOf(const std::string& bytes, HttpHead& head) {
  std::string answer;
  for (const size_t piece : kPieces) {
    Bench bench({{bytes}}, piece);
    const std::string error = named(bench.send());
    if (!answer.empty()) CHECK(error == answer);
    answer = error;
    head = bench.head;
    if (error != "ok") CHECK_FALSE(bench.connection.isOpen());
  }
  return answer;
}

std::string headOf(const std::string& bytes) {
  HttpHead head;
  return headOf(bytes, head);
}

HttpHead goodHead(const std::string& lines) {
  HttpHead head = {};
  const std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + "\r\n";
  CHECK_MESSAGE(headOf(bytes, head) == "ok", lines);
  return head;
}

}  // namespace

TEST_CASE("a request is spelled out") {
  Bench bench({{withLength("")}});
  REQUIRE(bench.send() == Error::ok);
  CHECK(bench.connection.sent[0] ==
        "POST /api/v1/check-update HTTP/1.1\r\nHost: otter.local:8443\r\nAuthorization: Bearer token-1\r\n"
        "Accept-Encoding: identity\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
}

TEST_CASE("a request for the rest of an image") {
  Bench bench({{"HTTP/1.1 206 Partial\r\nContent-Length: 2\r\nContent-Range: bytes 100-101/102\r\n\r\nab"}});
  REQUIRE(bench.send({"GET", "/image.bin", nullptr, 0, 100, "\"e\""}) == Error::ok);
  CHECK(bench.connection.sent[0] ==
        "GET /image.bin HTTP/1.1\r\nHost: otter.local:8443\r\nAuthorization: Bearer token-1\r\n"
        "Accept-Encoding: identity\r\nRange: bytes=100-\r\nIf-Range: \"e\"\r\n\r\n");
  CHECK(bench.head.status == 206);
  CHECK(bench.head.hasRange);
  CHECK(bench.head.rangeStart == 100);
  CHECK(bench.head.rangeTotal == 102);
}

TEST_CASE("a host that is an IPv6 address stands in brackets") {
  Bench bench({{withLength("")}});
  const Server server = {"fd00::1", 443};
  bench.http.setServer(server, "t");
  REQUIRE(bench.send(kGet) == Error::ok);
  CHECK(bench.connection.sent[0].find("\r\nHost: [fd00::1]:443\r\n") != std::string::npos);
}

TEST_CASE("a request that does not fit is not sent in part") {
  Bench bench({{withLength("")}});
  const std::string token(2000, 't');
  bench.http.setServer(kServer, token.c_str());
  CHECK(named(bench.send()) == "too_large");
  CHECK(bench.connection.sent[0].empty());
  CHECK_FALSE(bench.connection.isOpen());
}

TEST_CASE("bodies arrive whole, in pieces of any size and buffers of any size") {
  std::string body;
  for (int i = 0; i < 5000; ++i) body += static_cast<char>(i * 7);
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n" + body.substr(0, 1) +
                              "\r\nFFF;x=\"y\"\r\n" + body.substr(1, 4095) + "\r\n388\r\n" + body.substr(4096, 904) +
                              "\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n";
  for (const std::string& answer : {withLength(body), chunked}) {
    for (const size_t piece : kPieces) {
      for (const size_t buffer : {size_t{1}, size_t{13}, size_t{1024}, size_t{9000}}) {
        Bench bench({{answer}}, piece);
        std::string found;
        REQUIRE(bench.send(kGet) == Error::ok);
        CHECK(named(bench.readAll(found, buffer)) == "ok");
        CHECK(found == body);
        CHECK(bench.http.receivedBytes() == body.size());
        CHECK(bench.connection.isOpen());
        CHECK_FALSE(bench.connection.hasReadWithoutRoom);
      }
    }
  }
}

TEST_CASE("a body never has more bytes than were promised") {
  Bench bench({{withLength("abc") + "surplus"}}, 1);
  std::string body;
  REQUIRE(bench.send() == Error::ok);
  CHECK(bench.readAll(body) == Error::ok);
  CHECK(body == "abc");
}

TEST_CASE("a body that ends too early is a lost connection") {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n";
  const std::string plain = withLength("abcdefgh");
  for (const std::string& whole : {plain, chunked}) {
    const size_t headBytes = whole.find("\r\n\r\n") + 4;
    for (size_t length = headBytes; length < whole.size(); ++length) {
      CAPTURE(length);
      Bench bench({{whole.substr(0, length)}}, 3);
      std::string body;
      REQUIRE(bench.send() == Error::ok);
      CHECK(named(bench.readAll(body)) == "connection_lost");
      CHECK_FALSE(bench.connection.isOpen());
    }
  }
}

TEST_CASE("a head that ends too early is a lost connection") {
  const std::string whole = withLength("");
  for (size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK(headOf(whole.substr(0, length)) == "connection_lost");
  }
}

TEST_CASE("errors of the connection are handed on, and close it") {
  for (const Error error : {Error::stalled, Error::connection_lost}) {
    Bench inHead({{"HTTP/1.1 200", error}});
    CHECK(inHead.send() == error);
    CHECK_FALSE(inHead.connection.isOpen());
    Bench inBody({{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", error}});
    std::string body;
    REQUIRE(inBody.send() == Error::ok);
    CHECK(inBody.readAll(body) == error);
    CHECK_FALSE(inBody.connection.isOpen());
  }
  Bench unopened({});
  unopened.connection.openError = Error::pin_mismatch;
  CHECK(unopened.send() == Error::pin_mismatch);
  Bench unwritten({{""}});
  unwritten.connection.writeError = Error::stalled;
  CHECK(unwritten.send() == Error::stalled);
  CHECK(unwritten.connection.opens == 1);
}

// ---- status line and headers

TEST_CASE("status lines") {
  for (const std::string line : {"HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.0 200 OK",
                                 "HTTP/1.1 404 Not \xe4 found", "HTTP/1.1 599 x"}) {
    CAPTURE(line);
    CHECK(headOf(line + "\r\nContent-Length: 0\r\n\r\n") == "ok");
  }
  for (const std::string line : {"", "HTTP/2 200 OK", "HTTP/1.2 200 OK", "HTTP/1.1200 OK", "http/1.1 200 OK",
                                 "HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 0200 OK",
                                 "HTTP/1.1 abc", "HTTP/1.1 -200", "HTTP/1.1 200OK", "HTTP/1.1 600 x", "HTTP/1.1 000 x",
                                 "ICY 200 OK", " HTTP/1.1 200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 4294967496 x"}) {
    CAPTURE(line);
    CHECK(headOf(line + "\r\nContent-Length: 0\r\n\r\n") == "http_protocol");
  }
}

TEST_CASE("interim answers are refused: nobody asked for them") {
  CHECK(headOf("HTTP/1.1 100 Continue\r\n\r\n" + withLength("")) == "http_protocol");
  CHECK(headOf("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + withLength("")) == "http_protocol");
}

TEST_CASE("headers that are not spelled exactly are refused") {
  for (const std::string line : {" folded", "\tfolded", "no colon", ": no name", "Blank : x", "Bad\x01Name: x",
                                 "Na me: x", "Ümlaut: x", "A: b\x01", "A: b\x7f", "A: \rb", "(A): b", "A@: b"}) {
    CAPTURE(line);
    CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + line + "\r\n\r\n") == "http_protocol");
  }
  for (const std::string line : {"A:", "A:b", "A: \t b \t", "x-!#$%&'*+-.^_`|~9: y", "A: \xe4\xff", "A: b: c"}) {
    CAPTURE(line);
    CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + line + "\r\n\r\n") == "ok");
  }
}

TEST_CASE("lines end in CR LF, and a NUL is no character") {
  CHECK(headOf("HTTP/1.1 200 OK\nContent-Length: 0\n\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nA: bc\nContent-Length: 0\r\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\r\nContent-Length: 0\r\n\r\n") == "http_protocol");
  const std::string good = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n";
  for (size_t at = 0; at < good.size() - 2; ++at) {
    std::string changed = good;
    changed.insert(at, 1, '\0');
    CAPTURE(at);
    CHECK(headOf(changed) == "http_protocol");
  }
}

TEST_CASE("Content-Length is one plain number") {
  for (const std::string value :
       {"", "-1", "+1", "1.0", "0x1", "1 2", "1,1", "4294967296", "99999999999999999999", "a"}) {
    CAPTURE(value);
    CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: " + value + "\r\n\r\n") == "http_protocol");
  }
  CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-LENGTH: 2\r\n\r\na") == "http_protocol");
  HttpHead head;
  CHECK(headOf("HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:\t4294967295 \r\n\r\n", head) == "ok");
  CHECK(head.contentLength == 4294967295U);
  CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: 007\r\n\r\n", head) == "ok");
  CHECK(head.contentLength == 7);
}

TEST_CASE("a body has a length or is chunked, not both, and nothing else") {
  CHECK(headOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\n\r\n") == "http_protocol");
  CHECK(headOf("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\n") == "ok");
}

TEST_CASE("chunks that are not spelled exactly are refused") {
  for (const std::string body : {"\r\n", "x\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", " 1\r\na\r\n", "1 \r\na\r\n",
                                 ";x\r\n", "100001\r\n", "FFFFFFFF\r\n", "100000000\r\n", "FFFFFFFFFFFFFFFFF\r\n",
                                 "1\na\r\n", "1\r\nab\r\n", "1\r\na0\r\n", "1\r\na\n", "1\r\na\r\n\r\n"}) {
    CAPTURE(body);
    for (const size_t piece : kPieces) {
      Bench bench({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "0\r\n\r\n"}}, piece);
      std::string found;
      REQUIRE(bench.send() == Error::ok);
      CHECK(named(bench.readAll(found)) == "http_protocol");
      CHECK_FALSE(bench.connection.isOpen());
    }
  }
}

TEST_CASE("answers without a body have none") {
  for (const std::string status : {"204 No Content", "304 Not Modified"}) {
    Bench bench({{"HTTP/1.1 " + status + "\r\n\r\n"}}, 1);
    std::string body;
    CAPTURE(status);
    REQUIRE(bench.send() == Error::ok);
    CHECK(bench.readAll(body) == Error::ok);
    CHECK(body.empty());
    CHECK(bench.connection.isOpen());
  }
}

TEST_CASE("an error answer without a length ends with its connection, and nobody waits for it") {
  Bench bench({{"HTTP/1.1 500 x\r\n\r\nsome text"}, {withLength("")}});
  REQUIRE(bench.send() == Error::ok);
  CHECK(bench.head.status == 500);
  bench.http.drain();
  CHECK_FALSE(bench.connection.isOpen());
  CHECK(bench.send() == Error::ok);
  CHECK(bench.connection.opens == 2);
}

TEST_CASE("Retry-After is seconds; a date is no answer, and too many digits are very long") {
  CHECK_FALSE(goodHead("").hasRetryAfter);
  CHECK(goodHead("Retry-After: 0\r\n").hasRetryAfter);
  CHECK(goodHead("retry-after: 120\r\n").retryAfterS == 120);
  CHECK(goodHead("Retry-After: 99999999999\r\n").retryAfterS == UINT32_MAX);
  for (const std::string value : {"", "soon", "-1", "1.5", "Sun, 06 Nov 1994 08:49:37 GMT", "1 2"}) {
    CAPTURE(value);
    CHECK_FALSE(goodHead("Retry-After: " + value + "\r\n").hasRetryAfter);
  }
}

TEST_CASE("Date is seconds since 1970, or nothing") {
  CHECK(goodHead("").dateS == 0);
  CHECK(goodHead("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n").dateS == 784111777);
  CHECK(goodHead("Date: Mon, 23 Nov 2026 12:07:27 GMT\r\n").dateS == 1795435647);
  CHECK(goodHead("Date: Thu, 29 Feb 2024 00:00:00 GMT\r\n").dateS == 1709164800);
  for (const std::string value :
       {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT", "Sun,  6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GM",
        "Sun, 06 Nov 1994 08:49:37 GMTx", "0", ""}) {
    CAPTURE(value);
    CHECK(goodHead("Date: " + value + "\r\n").dateS == 0);
  }
}

TEST_CASE("Content-Range names a part within the whole") {
  const HttpHead head = goodHead("Content-Range: bytes 100-199/200\r\n");
  CHECK(head.hasRange);
  CHECK(head.rangeStart == 100);
  CHECK(head.rangeTotal == 200);
  for (const std::string value :
       {"bytes */200", "bytes 100-199/*", "bytes 100-200/200", "bytes 150-149/200", "bytes 100-199", "100-199/200",
        "bytes=100-199/200", "bytes 100 - 199/200", "bytes 100-199/200x", "bytes -1-199/200", "BYTES 100-199/200",
        "bytes 4294967296-4294967297/4294967298", ""}) {
    CAPTURE(value);
    CHECK_FALSE(goodHead("Content-Range: " + value + "\r\n").hasRange);
  }
}

TEST_CASE("what decides how an answer is read stands there once") {
  for (const std::string lines :
       {"Content-Range: bytes 0-1/2\r\nContent-Range: bytes 0-1/2\r\n", "ETag: \"a\"\r\nETag: \"b\"\r\n"}) {
    CAPTURE(lines);
    CHECK(headOf("HTTP/1.1 206 Partial\r\nContent-Length: 2\r\n" + lines + "\r\nab") == "http_protocol");
  }
}

TEST_CASE("an entity tag that is too long for its place is none") {
  CHECK(std::string(goodHead("ETag: \"abc\"\r\n").etag) == "\"abc\"");
  const std::string longest = "\"" + std::string(69, 'a') + "\"";
  CHECK(std::string(goodHead("ETag: " + longest + "\r\n").etag) == longest);
  CHECK(std::string(goodHead("ETag: x" + longest + "\r\n").etag).empty());
}

// ---- limits

TEST_CASE("a line has a limit, and so has the head") {
  const std::string start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  const auto lineOf = [](size_t bytes) { return "A: " + std::string(bytes - 5, 'x') + "\r\n"; };
  CHECK(headOf(start + lineOf(kHttpLineBytes) + "\r\n") == "ok");
  CHECK(headOf(start + lineOf(kHttpLineBytes + 1) + "\r\n") == "too_large");
  CHECK(headOf("HTTP/1.1 200 " + std::string(5000, 'x')) == "too_large");

  std::string filled = start;
  while (filled.size() + 1000 < kHttpHeadBytes) filled += lineOf(1000);
  const std::string full = filled + lineOf(kHttpHeadBytes - 2 - filled.size()) + "\r\n";
  CHECK(full.size() == kHttpHeadBytes);
  CHECK(headOf(full) == "ok");
  CHECK(headOf(filled + lineOf(kHttpHeadBytes - 1 - filled.size()) + "\r\n") == "too_large");
}

TEST_CASE("trailers have a limit, too") {
  std::string answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 200; ++i) answer += "A: " + std::string(30, 'x') + "\r\n";
  Bench bench({{answer + "\r\n"}});
  std::string body;
  REQUIRE(bench.send() == Error::ok);
  CHECK(named(bench.readAll(body)) == "too_large");
}

TEST_CASE("a text is read whole with its NUL, or is too large") {
  for (const std::string& framed :
       {withLength("12345678"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n0\r\n\r\n")}) {
    for (const size_t piece : {size_t{1}, size_t{3}, SIZE_MAX}) {
      for (size_t capacity = 1; capacity <= 12; ++capacity) {
        CAPTURE(capacity);
        Bench bench({{framed}}, piece);
        std::vector<char> text(capacity, '#');
        size_t length = 0;
        REQUIRE(bench.send() == Error::ok);
        const Error error = bench.http.readText(text.data(), capacity, length);
        CHECK(named(error) == (capacity > 8 ? "ok" : "too_large"));
        CHECK(bench.connection.isOpen() == (capacity > 8));
        if (error == Error::ok) CHECK(std::string(text.data()) == "12345678");
      }
    }
  }
}

TEST_CASE("an answer that trickles in is given up after its time") {
  for (const uint32_t msPerRead : {1000U, 15000U}) {
    Bench head({{withLength("")}}, 1);
    head.connection.msPerRead = msPerRead;
    const uint64_t startMs = head.system.timeMs;
    CHECK(named(head.send()) == "timeout");
    CHECK(head.system.timeMs - startMs <= kAnswerTimeoutMs + msPerRead);

    Bench body({{withLength(std::string(500, 'x'))}}, 60);
    REQUIRE(body.send() == Error::ok);
    body.connection.msPerRead = msPerRead * 5;
    body.connection.pieceBytes = 1;
    std::vector<char> text(1000);
    size_t length = 0;
    CHECK(named(body.http.readText(text.data(), text.size(), length)) == "timeout");
    CHECK_FALSE(body.connection.isOpen());
  }
}

TEST_CASE("trailers that trickle in are given up, too") {
  Bench slow({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + std::string(900, 'x')}}, 47);
  REQUIRE(slow.send() == Error::ok);
  slow.connection.pieceBytes = 1;
  slow.connection.msPerRead = 1000;
  std::string body;
  CHECK(named(slow.readAll(body)) == "timeout");
}

// ---- keeping the connection

TEST_CASE("a connection is kept for the next request") {
  for (const size_t piece : kPieces) {
    Bench bench({{withLength("one")}}, piece);
    std::string body;
    for (const std::string text : {"one", "two", "three"}) {
      if (text != "one") bench.connection.append(withLength(text));
      REQUIRE(bench.send() == Error::ok);
      CHECK(bench.readAll(body) == Error::ok);
      CHECK(body == text);
    }
    CHECK(bench.connection.opens == 1);
  }
}

TEST_CASE("a connection is not kept where the server does not want it") {
  for (const std::string more :
       {"Connection: close\r\n", "connection: Upgrade, CLOSE\r\n", "Connection: keep-alive\r\nConnection: close\r\n",
        "Connection: close\r\nConnection: keep-alive\r\n"}) {
    CAPTURE(more);
    Bench bench({{withLength("one", more)}, {withLength("two")}});
    std::string body;
    REQUIRE(bench.send() == Error::ok);
    CHECK(bench.readAll(body) == Error::ok);
    bench.connection.append(withLength("never read"));
    CHECK(bench.send() == Error::ok);
    CHECK(bench.readAll(body) == Error::ok);
    CHECK(body == "two");
    CHECK(bench.connection.opens == 2);
  }
}

TEST_CASE("HTTP/1.0 keeps a connection only where it says so") {
  const std::string body = "Content-Length: 0\r\n\r\n";
  Bench plain({{"HTTP/1.0 200 OK\r\n" + body}, {withLength("")}});
  CHECK(plain.send() == Error::ok);
  CHECK(plain.send() == Error::ok);
  CHECK(plain.connection.opens == 2);
  Bench kept({{"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" + body}});
  CHECK(kept.send() == Error::ok);
  kept.connection.append(withLength(""));
  CHECK(kept.send() == Error::ok);
  CHECK(kept.connection.opens == 1);
}

TEST_CASE("a connection with an unread body is not used again") {
  Bench bench({{withLength("one")}, {withLength("two")}}, 1);
  REQUIRE(bench.send() == Error::ok);
  REQUIRE(bench.send() == Error::ok);
  CHECK(bench.connection.opens == 2);
}

TEST_CASE("a kept connection that the server has closed is tried once more on a new one") {
  for (const Error end : {Error::ok, Error::connection_lost}) {
    Bench bench({{withLength("one"), end}, {withLength("two")}});
    std::string body;
    REQUIRE(bench.send() == Error::ok);
    REQUIRE(bench.readAll(body) == Error::ok);
    CHECK(bench.send() == Error::ok);
    CHECK(bench.readAll(body) == Error::ok);
    CHECK(body == "two");
    CHECK(bench.connection.opens == 2);
    // The same request went out on both.
    CHECK(bench.connection.sent[0] == bench.connection.sent[1] + bench.connection.sent[1]);
  }
}

TEST_CASE("a kept connection that cannot be written to is tried once more on a new one") {
  Bench bench({{withLength("")}, {withLength("two")}});
  REQUIRE(bench.send() == Error::ok);
  bench.connection.writeError = Error::connection_lost;
  CHECK(bench.send() == Error::ok);
  CHECK(bench.connection.opens == 2);
}

TEST_CASE("a second stale connection in a row is an error, and a fresh one is never tried again") {
  Bench twice({{withLength("")}, {""}, {withLength("")}});
  REQUIRE(twice.send() == Error::ok);
  CHECK(named(twice.send()) == "connection_lost");
  CHECK(twice.connection.opens == 2);
  Bench fresh({{""}, {withLength("")}});
  CHECK(named(fresh.send()) == "connection_lost");
  CHECK(fresh.connection.opens == 1);
}

TEST_CASE("a kept connection that answers in part is not tried again: the server has seen the request") {
  for (const std::string part : {"H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Le"}) {
    CAPTURE(part);
    Bench bench({{withLength("") + part}, {withLength("")}}, 1);
    REQUIRE(bench.send() == Error::ok);
    CHECK(named(bench.send()) == "connection_lost");
    CHECK(bench.connection.opens == 1);
  }
}

TEST_CASE("drain reads a small rest and keeps the connection, and closes it on a large or broken one") {
  Bench small({{withLength(std::string(kHttpDrainBytes, 'x'))}}, 100);
  REQUIRE(small.send() == Error::ok);
  small.http.drain();
  CHECK(small.connection.isOpen());
  small.connection.append(withLength("next"));
  CHECK(small.send() == Error::ok);
  CHECK(small.connection.opens == 1);

  Bench large({{withLength(std::string(100'000, 'x'))}});
  REQUIRE(large.send() == Error::ok);
  const size_t readsBefore = large.connection.reads;
  large.http.drain();
  CHECK_FALSE(large.connection.isOpen());
  CHECK(large.connection.reads - readsBefore < 30);

  Bench broken({{"HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\nabc"}});
  REQUIRE(broken.send() == Error::ok);
  broken.http.drain();
  CHECK_FALSE(broken.connection.isOpen());

  Bench slow({{withLength(std::string(500, 'x'))}}, 60);
  REQUIRE(slow.send() == Error::ok);
  slow.connection.pieceBytes = 1;
  slow.connection.msPerRead = 10'000;
  slow.http.drain();
  CHECK_FALSE(slow.connection.isOpen());
}

// ---- where the server is

TEST_CASE("addresses of servers") {
  struct Row {
    const char* url;
    const char* host;
    uint16_t port;
  };
  const Row good[] = {
      {"https://otter.local", "otter.local", 443},
      {"https://otter.local/", "otter.local", 443},
      {"https://otter.local:8443", "otter.local", 8443},
      {"https://192.168.1.20:65535/", "192.168.1.20", 65535},
      {"https://[fd00::1]", "fd00::1", 443},
      {"https://[fd00::1]:8443/", "fd00::1", 8443},
  };
  for (const Row& row : good) {
    CAPTURE(std::string(row.url));
    Server server;
    CHECK(parseServer(row.url, server));
    CHECK(std::string(server.host) == row.host);
    CHECK(server.port == row.port);
  }
  const std::string longest = "https://" + std::string(63, 'a');
  Server server;
  CHECK(parseServer(longest.c_str(), server));
  CHECK_FALSE(parseServer((longest + "a").c_str(), server));
  for (const std::string url : {"",
                                "otter.local",
                                "http://otter.local",
                                "HTTPS://otter.local",
                                "https:/otter.local",
                                "https://",
                                "https:///",
                                "https://:443",
                                "https://a:",
                                "https://a:0",
                                "https://a:65536",
                                "https://a:4294967739",
                                "https://a:99999999999",
                                "https://a:44x",
                                "https://a:-1",
                                "https://a/b",
                                "https://a//",
                                "https://a?b",
                                "https://a#b",
                                "https://user@a",
                                "https://a b",
                                "https://a\r\nX: y",
                                "https://[::1",
                                "https://[]",
                                "https://::1]",
                                "https://[::1]x",
                                "https://[::1]443",
                                "https://gr\xc3\xb6\xc3\x9f"
                                "e"}) {
    CAPTURE(url);
    CHECK_FALSE(parseServer(url.c_str(), server));
  }
}
