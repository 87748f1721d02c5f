// A session that is kept: whom it goes on with, what ends it, and that nobody without its secret gets anything by it.

#include "net/kept_session.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "core/update/timing.h"
#include "net/tls_connection.h"
#include "support/test_system.h"
#include "tls_peers.h"

using otter::Error;
using otter::Pin;
using otter::TlsConnection;
using peers::Certificate;
using peers::isSoon;
using peers::pinOf;
using peers::Relay;
using peers::TlsServer;

namespace {

struct alignas(4) Memory final : std::array<uint8_t, otter::kSleepMemoryBytes> {};

class SleepingSystem final : public otter_test::TestSystem {
 public:
  explicit SleepingSystem(Memory& memory) : memory_(memory) {}
  void* sleepMemory() override { return memory_.data(); }

 private:
  Memory& memory_;
};

bool isEmpty(const Memory& memory) {
  return std::all_of(memory.begin(), memory.end(), [](uint8_t byte) { return byte == 0; });
}

/** One wake of a board: it lives as long as this object, its memory longer. */
struct Wake {
  Wake(Memory& memory, const std::vector<std::string>& pins) : system(memory) {
    for (const std::string& pin : pins) REQUIRE(connection.addPin(pinOf(pin)));
  }

  /** Connects, says something to a server in `-rev` mode, hears it back and hangs up. */
  Error visit(uint16_t port, const char* host = "127.0.0.1") {
    const Error error = connection.open(host, port);
    if (error != Error::ok) return error;
    CHECK(connection.write("otter\n", 6) == Error::ok);
    uint8_t answer[6] = {};
    size_t count = 0;
    while (count < sizeof answer) {
      size_t received = 0;
      if (connection.read(answer + count, sizeof answer - count, received) != Error::ok || received == 0) break;
      count += received;
    }
    CHECK(std::string(answer, answer + count) == "retto\n");
    connection.close();
    return Error::ok;
  }

  SleepingSystem system;
  TlsConnection connection{system};
};

/** A server in `-rev` mode that tells how many of its handshakes showed its certificate. */
class Server {
 public:
  explicit Server(const Certificate& certificate, const std::string& address = "127.0.0.1:0")
      : server_(certificate, {"-rev", "-msg"}, address), port(server_.port) {}

  size_t whole() const { return countOf(", Certificate"); }
  size_t handshakes() const { return countOf(", ServerHello"); }
  void stop() { server_.stop(); }

 private:
  size_t countOf(const std::string& part) const {
    // Up to the end of a line: `ServerHelloDone` is another message.
    const std::string text = server_.output();
    size_t count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
      if (!std::isalpha(text[at + part.size()])) ++count;
    return count;
  }

  TlsServer server_;

 public:
  const uint16_t port;
};

struct Fixture {
  Certificate certificate{"server"};
  std::string pin = certificate.spkiPin();
  Server server{certificate};
  Memory memory{};

  Error visit() { return Wake(memory, {pin}).visit(server.port); }
  /** So many handshakes in all, so many of them with a certificate. */
  bool saw(size_t handshakes, size_t whole) {
    return isSoon([&] { return server.handshakes() == handshakes; }) && server.whole() == whole;
  }
};

/** Takes any ticket, and says that the session goes on: it has everything but the secret. */
void playServer(int socket, uint16_t cipherSuite) {
  uint8_t hello[4096];
  const ssize_t count = recv(socket, hello, sizeof hello, 0);
  // The session id, by which a client sees that it goes on.
  const bool hasTicket = count > 43 + 33 && hello[43] == 32;
  CHECK(hasTicket);
  if (!hasTicket) return;
  std::string body("\x03\x03", 2);
  body += std::string(32, 'r');
  body += std::string(reinterpret_cast<char*>(hello) + 43, 33);
  body += static_cast<char>(cipherSuite >> 8);
  body += static_cast<char>(cipherSuite & 0xFF);
  body += '\0';
  body += std::string("\x00\x09\xff\x01\x00\x01\x00\x00\x17\x00\x00", 11);
  const std::string message = std::string("\x02\x00\x00", 3) + static_cast<char>(body.size()) + body;
  const auto record = [](char type, const std::string& content) {
    return std::string(1, type) + std::string("\x03\x03\x00", 3) + static_cast<char>(content.size()) + content;
  };
  const std::string all = record(22, message) + record(20, "\x01") + record(22, std::string(40, 'f'));
  send(socket, all.data(), all.size(), MSG_NOSIGNAL);
  // What comes back may be an alert and the end, and nothing else.
  const ssize_t answer = recv(socket, hello, sizeof hello, 0);
  CHECK((answer <= 0 || hello[0] == 21));
}

}  // namespace

TEST_CASE("session: the next connection goes on with it, without a certificate") {
  Fixture fixture;
  for (size_t wake = 1; wake <= 4; ++wake) {
    REQUIRE(fixture.visit() == Error::ok);
    CHECK(fixture.saw(wake, 1));
  }
  // While the board is awake, too.
  Wake awake(fixture.memory, {fixture.pin});
  for (size_t visit = 5; visit <= 6; ++visit) REQUIRE(awake.visit(fixture.server.port) == Error::ok);
  CHECK(fixture.saw(6, 1));
}

TEST_CASE("session: without memory each connection shows its certificate") {
  Fixture fixture;
  for (size_t wake = 1; wake <= 2; ++wake) {
    fixture.memory.fill(0);
    REQUIRE(fixture.visit() == Error::ok);
    CHECK(fixture.saw(wake, wake));
  }
}

TEST_CASE("session: it ends with the pin under which it was made") {
  Fixture fixture;
  REQUIRE(fixture.visit() == Error::ok);
  const Memory kept = fixture.memory;
  const std::string other = "spki:" + std::string(64, '1');
  // The pin is not trusted any more: the server has to show what it is, and is nobody.
  CHECK(Wake(fixture.memory, {other}).visit(fixture.server.port) == Error::pin_mismatch);
  CHECK(isEmpty(fixture.memory));
  CHECK(isSoon([&] { return fixture.server.whole() == 2; }));
  // The server is trusted by another pin: the handshake is a whole one.
  fixture.memory = kept;
  REQUIRE(Wake(fixture.memory, {fixture.certificate.certificatePin()}).visit(fixture.server.port) == Error::ok);
  CHECK(isSoon([&] { return fixture.server.whole() == 3; }));
  // Further pins change nothing.
  fixture.memory = kept;
  REQUIRE(Wake(fixture.memory, {other, fixture.pin}).visit(fixture.server.port) == Error::ok);
  CHECK(fixture.server.whole() == 3);
}

TEST_CASE("session: it ends with the configuration that named its pin") {
  Fixture fixture;
  const std::string other = "spki:" + std::string(64, '1');
  Wake wake(fixture.memory, {other});
  const Pin named[] = {pinOf(fixture.pin)};
  wake.connection.configurePins(named, 1);
  for (size_t visit = 1; visit <= 2; ++visit) REQUIRE(wake.visit(fixture.server.port) == Error::ok);
  CHECK(fixture.saw(2, 1));
  const Pin next[] = {pinOf("spki:" + std::string(64, '2'))};
  wake.connection.configurePins(next, 1);
  CHECK(wake.visit(fixture.server.port) == Error::pin_mismatch);
  CHECK(isEmpty(fixture.memory));
}

TEST_CASE("session: it is of one address") {
  Fixture fixture;
  REQUIRE(fixture.visit() == Error::ok);
  REQUIRE(Wake(fixture.memory, {fixture.pin}).visit(fixture.server.port, "localhost") == Error::ok);
  CHECK(fixture.saw(2, 2));
  const Server neighbour(fixture.certificate);
  REQUIRE(Wake(fixture.memory, {fixture.pin}).visit(neighbour.port, "localhost") == Error::ok);
  CHECK(isSoon([&] { return neighbour.whole() == 1; }));
}

TEST_CASE("session: memory that lost something leads to a whole handshake, whatever it lost") {
  Fixture fixture;
  REQUIRE(fixture.visit() == Error::ok);
  const Memory kept = fixture.memory;
  size_t handshakes = 1;
  const auto isWhole = [&] {
    const size_t before = fixture.server.whole();
    REQUIRE(fixture.visit() == Error::ok);
    ++handshakes;
    REQUIRE(isSoon([&] { return fixture.server.handshakes() == handshakes; }));
    return fixture.server.whole() == before + 1;
  };
  size_t used = kept.size();
  while (kept[used - 1] == 0) --used;
  for (size_t at = 0; at < used; at += at < 72 ? 6 : 31) {
    CAPTURE(at);
    fixture.memory = kept;
    fixture.memory[at] ^= static_cast<uint8_t>(1 << (at % 8));
    CHECK(isWhole());
  }
  fixture.memory.fill(0xFF);
  CHECK(isWhole());
  fixture.memory = kept;
  CHECK_FALSE(isWhole());
}

TEST_CASE("session: a server that lost its keys shows its certificate, and the visit goes on") {
  Fixture fixture;
  REQUIRE(fixture.visit() == Error::ok);
  const uint16_t port = fixture.server.port;
  fixture.server.stop();
  const Server again(fixture.certificate, "127.0.0.1:" + std::to_string(port));
  for (size_t visit = 1; visit <= 2; ++visit) {
    REQUIRE(Wake(fixture.memory, {fixture.pin}).visit(port) == Error::ok);
    CHECK(isSoon([&] { return again.handshakes() == visit; }));
    CHECK(again.whole() == 1);
  }
}

TEST_CASE("session: another server gets nothing by it, and the next handshake is a whole one") {
  Fixture fixture;
  REQUIRE(fixture.visit() == Error::ok);
  const uint16_t port = fixture.server.port;
  fixture.server.stop();
  {
    const Server thief(Certificate("other"), "127.0.0.1:" + std::to_string(port));
    CHECK(Wake(fixture.memory, {fixture.pin}).visit(port) == Error::pin_mismatch);
  }
  CHECK(isEmpty(fixture.memory));
  const Server again(fixture.certificate, "127.0.0.1:" + std::to_string(port));
  CHECK(Wake(fixture.memory, {fixture.pin}).visit(port) == Error::ok);
}

TEST_CASE("session: who takes every ticket fails, for the secret is not in it") {
  const Certificate certificate("server");
  // What the client prefers, and which curve it takes, decides the suite; an eavesdropper has seen it.
  const TlsServer server(certificate, {"-rev", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-no_tls1_3"});
  Memory memory{};
  Relay line(server.port);
  REQUIRE(Wake(memory, {certificate.spkiPin()}).visit(line.port) == Error::ok);
  REQUIRE_FALSE(isEmpty(memory));
  // The same address, and somebody on the line.
  line.leadTo([](int socket) { playServer(socket, 0xC02B); });
  Wake wake(memory, {certificate.spkiPin()});
  CHECK(wake.connection.open("127.0.0.1", line.port) == Error::tls);
  CHECK(std::string(wake.connection.detail()).find("session from before") != std::string::npos);
  CHECK(wake.connection.write("GET / HTTP/1.1\r\n", 16) == Error::connection_lost);
  CHECK(isEmpty(memory));
}

TEST_CASE("session: one that brought no answer is not tried again") {
  Fixture fixture;
  REQUIRE(fixture.visit() == Error::ok);
  {
    Wake wake(fixture.memory, {fixture.pin});
    REQUIRE(wake.connection.open("127.0.0.1", fixture.server.port) == Error::ok);
    CHECK(isEmpty(fixture.memory));
  }
  CHECK(fixture.saw(2, 1));
  REQUIRE(fixture.visit() == Error::ok);
  CHECK(fixture.saw(3, 2));
}

TEST_CASE("session: after a hundred connections the certificate is seen again") {
  Fixture fixture;
  for (size_t visit = 0; visit <= 100; ++visit) REQUIRE(fixture.visit() == Error::ok);
  CHECK(fixture.saw(101, 1));
  for (size_t visit = 0; visit < 2; ++visit) REQUIRE(fixture.visit() == Error::ok);
  CHECK(fixture.saw(103, 2));
}
