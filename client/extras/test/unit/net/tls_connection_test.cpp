// TLS connections to real peers: who gets through, who does not, and that no failure takes longer than it may.

#include "net/tls_connection.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/update/timing.h"
#include "support/test_system.h"
#include "tls_peers.h"

using otter::Error;
using otter::Pin;
using otter::TlsConnection;
using peers::Certificate;
using peers::isSoon;
using peers::Listener;
using peers::pinOf;
using peers::PlainServer;
using peers::Relay;
using peers::TlsServer;

namespace {

/** A board whose clock may be made to jump each time it is asked, so that a test of 20 seconds takes 0.4. */
class JumpingSystem final : public otter_test::TestSystem {
 public:
  uint64_t nowMs() override {
    jumpedMs_ += jumpMs;
    const auto passed = std::chrono::steady_clock::now() - start_;
    return jumpedMs_ + static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(passed).count());
  }
  uint32_t random() override { return 4; }
  void rest(uint32_t) override {}
  bool isNetworkUp() override { return isUp; }
  uint32_t freeHeapBytes() override { return heapBytes; }
  uint32_t largestHeapBlockBytes() override { return blockBytes; }

  uint64_t jumpMs = 0;
  bool isUp = true;
  uint32_t heapBytes = 200000;
  uint32_t blockBytes = 100000;

 private:
  uint64_t jumpedMs_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

size_t openDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/** A connection with its board, that trusts the certificate of these tests. */
struct Client {
  explicit Client(const std::string& pin = Certificate("server").spkiPin()) {
    if (!pin.empty()) REQUIRE(connection.addPin(pinOf(pin)));
  }

  Error open(uint16_t port, const char* host = "127.0.0.1") { return connection.open(host, port); }
  Error say(const std::string& text) { return connection.write(text.data(), text.size()); }
  /** Reads to the end of the stream, or to so many bytes. */
  Error hear(std::string& text, size_t count = SIZE_MAX) {
    while (text.size() < count) {
      uint8_t bytes[1000];
      size_t received = 0;
      const Error error = connection.read(bytes, std::min(sizeof bytes, count - text.size()), received);
      if (error != Error::ok || received == 0) return error;
      text.append(reinterpret_cast<const char*>(bytes), received);
    }
    return Error::ok;
  }

  JumpingSystem system;
  TlsConnection connection{system};
};

/** Sends a line to a server in `-rev` mode and checks that it comes back in reverse. */
void checkThatBytesPass(Client& client) {
  CHECK(client.say("otter\n") == Error::ok);
  std::string answer;
  CHECK(client.hear(answer, 6) == Error::ok);
  CHECK(answer == "retto\n");
}

constexpr uint64_t kJumpMs = 1000;

/** That about so much time passed; 10 s are for a machine that has other things to do. */
void checkThatPassed(uint64_t passedMs, uint64_t limitMs) {
  CHECK(passedMs >= limitMs);
  CHECK(passedMs < limitMs + 10000);
}

size_t countOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/** That this server (`-msg`) got the greeting of one client and its refusal: no keys, no byte of the application. */
void checkThatNothingWasSaid(const TlsServer& server) {
  CHECK(isSoon([&] { return server.output().find("ERROR\n") != std::string::npos; }));
  const std::string output = server.output();
  CHECK(countOf(output, ", ClientHello") == 1);
  CHECK(countOf(output, ", Certificate") == 1);
  size_t received = 0;
  for (const std::string version : {"1.0", "1.2"}) received += countOf(output, "<<< TLS " + version + ", RecordHeader");
  // Two records, and the second is the alert; who resets the connection quickly may spoil its arrival.
  CHECK(received <= 2);
  CHECK(countOf(output, ", ClientKeyExchange") == 0);
  CHECK(countOf(output, "<<< TLS 1.2, Alert") == received - 1);
}

}  // namespace

TEST_CASE("TLS: pins of a configuration hold beside those of the sketch, and the next ones in their place") {
  const Certificate live("server");
  const Certificate backup("backup");
  const TlsServer old(live, {"-rev"});
  const TlsServer moved(backup, {"-rev"});
  Client client;
  CHECK(client.open(moved.port) == Error::pin_mismatch);
  const Pin pins[] = {pinOf(backup.spkiPin()), pinOf("spki:" + std::string(64, '0'))};
  client.connection.configurePins(pins, 2);
  CHECK(client.open(moved.port) == Error::ok);
  checkThatBytesPass(client);
  CHECK(client.open(old.port) == Error::ok);
  client.connection.configurePins(pins + 1, 1);
  CHECK(client.open(moved.port) == Error::pin_mismatch);
  client.connection.configurePins(nullptr, 0);
  CHECK(client.open(old.port) == Error::ok);
}

TEST_CASE("TLS: a server with the pinned key or certificate gets through") {
  const Certificate certificate("server");
  const TlsServer server(certificate, {"-rev"});
  for (const std::string& pin : {certificate.spkiPin(), certificate.certificatePin()}) {
    CAPTURE(pin);
    Client client(pin);
    CHECK(client.connection.begin());
    CHECK_FALSE(client.connection.isOpen());
    REQUIRE(client.open(server.port) == Error::ok);
    CHECK(client.connection.isOpen());
    checkThatBytesPass(client);
    client.connection.close();
    CHECK_FALSE(client.connection.isOpen());
    // The same object connects again, an open one too.
    REQUIRE(client.open(server.port) == Error::ok);
    REQUIRE(client.open(server.port) == Error::ok);
    checkThatBytesPass(client);
  }
}

TEST_CASE("TLS: a server with a key of RSA gets through") {
  const Certificate certificate("rsa", "rsa:2048");
  const TlsServer server(certificate, {"-rev"});
  Client client(certificate.spkiPin());
  REQUIRE(client.open(server.port) == Error::ok);
  checkThatBytesPass(client);
}

TEST_CASE("TLS: the time on a certificate does not matter, for a board has no clock") {
  const Certificate certificate("server");
  peers::run(
      "printf '[ca]\\ndefault_ca=a\\n[a]\\ndatabase=db\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\n"
      "policy=p\\nunique_subject=no\\n[p]\\ncommonName=supplied\\n' > ca.conf; : > db; echo 01 > serial;"
      "openssl req -new -key server.key -subj /CN=late -out late.csr;"
      "openssl ca -config ca.conf -batch -selfsign -notext -keyfile server.key -in late.csr -startdate 200101000000Z "
      "-enddate 200102000000Z -out late.pem; cp server.key late.key");
  const Certificate late("late");
  REQUIRE(peers::run("openssl x509 -in late.pem -noout -enddate") == "notAfter=Jan  2 00:00:00 2020 GMT");
  const TlsServer server(late, {"-rev"});
  Client client(late.certificatePin());
  REQUIRE(client.open(server.port) == Error::ok);
  checkThatBytesPass(client);
}

TEST_CASE("TLS: each of three pins counts, a fourth is refused") {
  const Certificate certificate("server");
  const TlsServer server(certificate, {"-rev"});
  const std::string others[] = {"spki:" + std::string(64, '1'), "cert:" + std::string(64, '2')};
  for (size_t place = 0; place < 3; ++place) {
    CAPTURE(place);
    Client client("");
    CHECK_FALSE(client.connection.begin());
    for (size_t i = 0, other = 0; i < 3; ++i) {
      REQUIRE(client.connection.addPin(pinOf(i == place ? certificate.spkiPin() : others[other++])));
    }
    CHECK(client.connection.addPin(pinOf(certificate.spkiPin())));
    CHECK_FALSE(client.connection.addPin(pinOf("spki:" + std::string(64, '3'))));
    CHECK(client.open(server.port) == Error::ok);
  }
}

TEST_CASE("TLS: a server with another certificate learns nothing") {
  const Certificate certificate("server");
  const TlsServer server(Certificate("other"), {"-msg"});
  // A pin of the one kind is none of the other kind, and without a pin nobody is trusted.
  for (const std::string& pin : {certificate.spkiPin(), certificate.certificatePin(), std::string(),
                                 "cert:" + Certificate("other").spkiPin().substr(5),
                                 "spki:" + Certificate("other").certificatePin().substr(5)}) {
    CAPTURE(pin);
    Client client(pin);
    CHECK(client.open(server.port) == Error::pin_mismatch);
    CHECK_FALSE(client.connection.isOpen());
    CHECK(client.say("GET / HTTP/1.1\r\n") == Error::connection_lost);
    std::string answer;
    CHECK(client.hear(answer) == Error::connection_lost);
  }
  const TlsServer fresh(Certificate("other"), {"-msg"});
  Client client;
  CHECK(client.open(fresh.port) == Error::pin_mismatch);
  checkThatNothingWasSaid(fresh);
}

TEST_CASE("TLS: the pinned certificate must be the server's own, not one further up its chain") {
  Certificate("authority");
  peers::run(
      "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=leaf -keyout leaf.key "
      "-out leaf.csr;"
      "openssl x509 -req -in leaf.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -out leaf.pem");
  const Certificate authority("authority");
  const Certificate leaf("leaf");
  const TlsServer server(leaf, {"-msg", "-cert_chain", "authority.pem"});
  Client ofAuthority(authority.spkiPin());
  CHECK(ofAuthority.open(server.port) == Error::pin_mismatch);
  checkThatNothingWasSaid(server);
  Client ofLeaf(leaf.spkiPin());
  CHECK(ofLeaf.open(server.port) == Error::ok);

  // Who has a copy of our certificate, and no key for it, sends it along in vain.
  const TlsServer thief(Certificate("other"), {"-msg", "-cert_chain", "server.pem"});
  Client client;
  CHECK(client.open(thief.port) == Error::pin_mismatch);
  checkThatNothingWasSaid(thief);
}

TEST_CASE("TLS: the pin is checked on every connection; a board without memory for a session resumes none") {
  const Certificate certificate("server");
  Client client(certificate.spkiPin());
  auto server = std::make_unique<TlsServer>(certificate, std::vector<std::string>{"-msg"});
  const uint16_t port = server->port;
  for (size_t i = 1; i <= 2; ++i) {
    REQUIRE(client.open(port) == Error::ok);
    REQUIRE(client.say("hello\n") == Error::ok);
    client.connection.close();
    CHECK(isSoon([&] { return countOf(server->output(), "hello") == i; }));
    const std::string farewell = "<<< TLS 1.2, Alert [length 0002], warning close_notify";
    CHECK(isSoon([&] { return countOf(server->output(), farewell) == i; }));
    CHECK(countOf(server->output(), ", Certificate") == i);
  }
  // Another server takes the place of the first.
  server.reset();
  TlsServer other(Certificate("other"), {"-msg"}, "127.0.0.1:" + std::to_string(port));
  CHECK(client.open(port) == Error::pin_mismatch);
  checkThatNothingWasSaid(other);
}

TEST_CASE("TLS: versions before 1.2 are refused") {
  for (const char* version : {"-tls1_1", "-tls1"}) {
    CAPTURE(std::string(version));
    const TlsServer server(Certificate("server"), {version, "-cipher", "ALL:@SECLEVEL=0", "-rev"});
    Client client;
    CHECK(client.open(server.port) == Error::tls);
    CHECK_FALSE(client.connection.isOpen());
  }
}

TEST_CASE("TLS: a peer that does not speak TLS is refused") {
  for (const std::string answer : {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", ""}) {
    const PlainServer server([&](int socket, const std::atomic<bool>&) {
      char bytes[1000];
      recv(socket, bytes, sizeof bytes, 0);
      send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
    });
    Client client;
    CHECK(client.open(server.port) == Error::tls);
  }
}

TEST_CASE("TLS: the handshake ends after its time, whether the peer is silent or talks without end") {
  // A warning that clients skip (RFC 5246 7.2: user_canceled); with its record header.
  const std::string warning("\x15\x03\x03\x00\x02\x01\x5a", 7);
  for (const std::string& said : {std::string(), warning, std::string("\x16\x03\x03\x40", 4)}) {
    CAPTURE(said.size());
    const PlainServer server([&](int socket, const std::atomic<bool>& isOver) {
      fcntl(socket, F_SETFL, O_NONBLOCK);
      if (said.size() == 4) send(socket, said.data(), said.size(), MSG_NOSIGNAL);
      while (!isOver) {
        if (said.size() != 7 || send(socket, said.data(), said.size(), MSG_NOSIGNAL) < 0) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      }
    });
    Client client;
    client.system.jumpMs = kJumpMs;
    const uint64_t startMs = client.system.nowMs();
    CHECK(client.open(server.port) == Error::tls);
    checkThatPassed(client.system.nowMs() - startMs, otter::kHandshakeTimeoutMs);
  }
}

TEST_CASE("TLS: a port that nobody listens on is no connection") {
  uint16_t port = 0;
  {
    const Listener listener;
    port = listener.port;
  }
  Client client;
  for (const char* host : {"127.0.0.1", "localhost", "[::1]"}) {
    CAPTURE(std::string(host));
    CHECK(client.open(port, host) == Error::connect);
  }
}

TEST_CASE("TLS: a host that swallows packets is given up after the time for connecting") {
  const Listener full(0);
  std::vector<int> guests;
  // A full queue answers no further greeting.
  for (int i = 0; i < 4; ++i) {
    const int guest = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(full.port);
    ::connect(guest, reinterpret_cast<sockaddr*>(&address), sizeof address);
    guests.push_back(guest);
  }
  Client client;
  client.system.jumpMs = kJumpMs;
  const uint64_t startMs = client.system.nowMs();
  const Error error = client.open(full.port);
  const uint64_t passedMs = client.system.nowMs() - startMs;
  for (const int guest : guests) ::close(guest);
  CHECK(error == Error::connect);
  checkThatPassed(passedMs, otter::kConnectTimeoutMs);
}

TEST_CASE("TLS: a name that cannot be resolved says so") {
  Client client;
  for (const std::string& host : {std::string("no-such-host.invalid"), std::string(), std::string("[]"),
                                  std::string("256.1.1.1"), std::string("[::12345]"), std::string(254, 'a')}) {
    CAPTURE(host);
    CHECK(client.open(443, host.c_str()) == Error::dns);
  }
}

TEST_CASE("TLS: names are sent to the server, addresses are not") {
  struct Row {
    const char* host;
    const char* listen;
    bool isName;
  };
  for (const Row& row : {Row{"localhost", "127.0.0.1:0", true}, Row{"127.0.0.1", "127.0.0.1:0", false},
                         Row{"[::1]", "[::1]:0", false}, Row{"::1", "[::1]:0", false}}) {
    CAPTURE(std::string(row.host));
    const TlsServer server(Certificate("server"), {"-rev", "-tlsextdebug"}, row.listen);
    Client client;
    REQUIRE(client.open(server.port, row.host) == Error::ok);
    checkThatBytesPass(client);
    CHECK(countOf(server.output(), "TLS client extension \"server name\"") == (row.isName ? 1 : 0));
  }
}

TEST_CASE("TLS: a file arrives as it was sent, and then the stream ends") {
  std::string file;
  for (int i = 0; i < 60000; ++i) file += std::to_string(i * 7919) + "\n";
  std::ofstream(peers::folder() / "file.bin", std::ios::binary) << file;
  const TlsServer server(Certificate("server"), {"-HTTP"});
  Client client;
  REQUIRE(client.open(server.port) == Error::ok);
  REQUIRE(client.say("GET /file.bin HTTP/1.0\r\n\r\n") == Error::ok);
  std::string answer;
  CHECK(client.hear(answer) == Error::ok);
  CHECK(answer == file);
  CHECK_FALSE(client.connection.isOpen());
  CHECK(client.hear(answer) == Error::connection_lost);
}

TEST_CASE("TLS: long writes arrive whole") {
  const TlsServer server(Certificate("server"), {});
  Client client;
  REQUIRE(client.open(server.port) == Error::ok);
  std::string text;
  for (int i = 0; i < 10000; ++i) text += std::to_string(i) + "\n";
  CHECK(client.say(text) == Error::ok);
  CHECK(client.say("") == Error::ok);
  client.connection.close();
  CHECK(isSoon([&] { return server.output().find("9999\n") != std::string::npos; }));
  CHECK(server.output().find(text) != std::string::npos);
}

TEST_CASE("TLS: a server that is killed ends the stream") {
  TlsServer server(Certificate("server"), {"-rev"});
  Client client;
  REQUIRE(client.open(server.port) == Error::ok);
  checkThatBytesPass(client);
  server.stop();
  std::string answer;
  CHECK(client.hear(answer) == Error::ok);
  CHECK(answer.empty());
  CHECK_FALSE(client.connection.isOpen());
}

TEST_CASE("TLS: a connection that is reset is lost, for reading and for writing") {
  const TlsServer server(Certificate("server"), {"-rev"});
  for (const bool isToWrite : {false, true}) {
    CAPTURE(isToWrite);
    Relay relay(server.port);
    Client client;
    REQUIRE(client.open(relay.port) == Error::ok);
    checkThatBytesPass(client);
    relay.reset();
    std::string answer;
    Error error = Error::ok;
    if (isToWrite) {
      // The first bytes may still fit into the socket.
      for (int i = 0; i < 1000 && error == Error::ok; ++i) error = client.say(std::string(1000, 'x'));
    } else {
      error = client.hear(answer);
    }
    CHECK(error == Error::connection_lost);
    CHECK_FALSE(client.connection.isOpen());
    client.connection.close();
  }
}

TEST_CASE("TLS: bytes that were changed on the way are a lost connection") {
  const TlsServer server(Certificate("server"), {"-rev"});
  Relay relay(server.port);
  Client client;
  REQUIRE(client.open(relay.port) == Error::ok);
  checkThatBytesPass(client);
  relay.corrupt();
  REQUIRE(client.say("otter\n") == Error::ok);
  std::string answer;
  CHECK(client.hear(answer, 6) == Error::connection_lost);
  CHECK(answer.empty());
}

TEST_CASE("TLS: a server that says nothing for too long has stalled") {
  const TlsServer server(Certificate("server"), {"-rev"});
  Client client;
  REQUIRE(client.open(server.port) == Error::ok);
  client.system.jumpMs = kJumpMs;
  const uint64_t startMs = client.system.nowMs();
  std::string answer;
  CHECK(client.hear(answer) == Error::stalled);
  checkThatPassed(client.system.nowMs() - startMs, otter::kStallMs);
  CHECK_FALSE(client.connection.isOpen());
}

TEST_CASE("TLS: a part of a record is not a byte") {
  const TlsServer server(Certificate("server"), {"-rev"});
  Relay relay(server.port);
  Client client;
  REQUIRE(client.open(relay.port) == Error::ok);
  checkThatBytesPass(client);
  client.system.jumpMs = kJumpMs;
  relay.freezeAfter(10);
  REQUIRE(client.say("otter\n") == Error::ok);
  std::string answer;
  CHECK(client.hear(answer, 6) == Error::stalled);
  CHECK(answer.empty());
}

TEST_CASE("TLS: a server that takes nothing for too long has stalled") {
  const TlsServer server(Certificate("server"), {"-rev"});
  Relay relay(server.port);
  Client client;
  REQUIRE(client.open(relay.port) == Error::ok);
  relay.freeze();
  client.system.jumpMs = kJumpMs;
  const std::string block(65536, 'x');
  Error error = Error::ok;
  uint64_t startMs = 0;
  for (int i = 0; i < 1000 && error == Error::ok; ++i) {
    startMs = client.system.nowMs();
    error = client.say(block);
  }
  CHECK(error == Error::stalled);
  checkThatPassed(client.system.nowMs() - startMs, otter::kStallMs);
  CHECK_FALSE(client.connection.isOpen());
}

TEST_CASE("TLS: without network, or with too little heap, no packet is sent") {
  const Listener listener;
  Client client;
  client.system.isUp = false;
  CHECK(client.open(listener.port) == Error::no_network);
  client.system.isUp = true;
  client.system.heapBytes = otter::kMinFreeHeapBytes - 1;
  CHECK(client.open(listener.port) == Error::low_memory);
  client.system.heapBytes = otter::kMinFreeHeapBytes;
  client.system.blockBytes = otter::kMinHeapBlockBytes - 1;
  CHECK(client.open(listener.port) == Error::low_memory);
  CHECK_FALSE(listener.hasGuest());

  client.system.blockBytes = otter::kMinHeapBlockBytes;
  const TlsServer server(Certificate("server"), {"-rev"});
  CHECK(client.open(server.port) == Error::ok);
}

TEST_CASE("TLS: a failure leaves no socket behind, and an idle connection takes next to no RAM") {
  static_assert(sizeof(TlsConnection) <= 192);
  const TlsServer server(Certificate("server"), {"-rev"});
  const TlsServer other(Certificate("other"), {"-rev"});
  Client client;
  const size_t before = openDescriptors();
  for (int i = 0; i < 5; ++i) {
    CHECK(client.open(server.port) == Error::ok);
    client.connection.close();
    CHECK(client.open(other.port) == Error::pin_mismatch);
    CHECK(client.open(1, "127.0.0.1") == Error::connect);
    CHECK(client.open(443, "[]") == Error::dns);
  }
  CHECK(openDescriptors() == before);
  {
    Client dropped;
    CHECK(dropped.open(server.port) == Error::ok);
  }
  CHECK(openDescriptors() == before);
}
