// Any bytes as the answers of a server: limits hold, a body never has more than was promised, and how the bytes are cut
// into pieces makes no difference.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/wire/http_client.h"
#include "fuzz_target.h"

using namespace otter;

namespace {

constexpr char kNextConnection[] = "\xFF\xFE";

class Clock final : public System {
 public:
  uint64_t timeMs = 0;
  uint64_t nowMs() override { return timeMs; }
  uint32_t random() override { return 0; }
  void rest(uint32_t ms) override { timeMs += ms; }
  bool isNetworkUp() override { return true; }
  uint32_t freeHeapBytes() override { return 0; }
  uint32_t largestHeapBlockBytes() override { return 0; }
  uint32_t flashBytes() override { return 0; }
  int rssiDbm() override { return 0; }
  void mac(char text[18]) override { text[0] = '\0'; }
  const char* chip() override { return "esp32"; }
  uint16_t chipId() override { return 0; }
  uint16_t chipRevision() override { return otter::kUnknownRevision; }
  void onDownload(bool) override {}
};

class Talk final : public Connection {
 public:
  Talk(const std::vector<std::string>& answers, size_t pieceBytes) : answers_(answers), pieceBytes_(pieceBytes) {}

  Error open(const char*, uint16_t) override {
    if (opens_ == answers_.size()) return Error::connect;
    ++opens_;
    at_ = 0;
    isOpen_ = true;
    return Error::ok;
  }
  Error write(const char* bytes, size_t count) override {
    fuzz::require(isOpen_ && bytes != nullptr && count > 0);
    return Error::ok;
  }
  Error read(uint8_t* bytes, size_t capacity, size_t& received) override {
    fuzz::require(isOpen_);
    const std::string& answer = answers_[opens_ - 1];
    received = std::min({capacity, pieceBytes_, answer.size() - at_});
    std::memcpy(bytes, answer.data() + at_, received);
    at_ += received;
    return Error::ok;
  }
  void close() override { isOpen_ = false; }
  bool isOpen() override { return isOpen_; }

 private:
  const std::vector<std::string>& answers_;
  size_t pieceBytes_;
  size_t opens_ = 0;
  size_t at_ = 0;
  bool isOpen_ = false;
};

void checkHead(const HttpHead& head) {
  fuzz::require(head.status >= 200 && head.status <= 599);
  fuzz::require(strnlen(head.etag, sizeof head.etag) < sizeof head.etag);
  fuzz::require(!(head.isChunked && head.hasLength));
  fuzz::require(!head.hasRange || head.rangeStart < head.rangeTotal);
  fuzz::require(head.dateS >= 0);
}

/** What became of one request. */
struct Outcome {
  Error sent = Error::ok;
  Error read = Error::ok;
  uint16_t status = 0;
  std::string body;

  bool operator==(const Outcome& other) const {
    return sent == other.sent && read == other.read && status == other.status && body == other.body;
  }
};

const Server kServer = {"otter.local", 443};

Outcome exchange(HttpClient& http, Talk& talk, size_t bufferBytes) {
  Outcome outcome;
  HttpHead head;
  const uint64_t before = http.receivedBytes();
  outcome.sent = http.send({"GET", "/image.bin", nullptr, 0, 0, ""}, head);
  fuzz::require(outcome.sent == Error::ok || !talk.isOpen());
  if (outcome.sent != Error::ok) return outcome;
  checkHead(head);
  outcome.status = head.status;
  for (;;) {
    std::vector<uint8_t> buffer(bufferBytes);
    size_t received = 0;
    outcome.read = http.readBody(buffer.data(), buffer.size(), received);
    fuzz::require(received <= buffer.size());
    fuzz::require(outcome.read == Error::ok || !talk.isOpen());
    if (outcome.read != Error::ok || received == 0) break;
    outcome.body.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(received));
    fuzz::require(!head.hasLength || outcome.body.size() <= head.contentLength);
  }
  fuzz::require(http.receivedBytes() - before == outcome.body.size());
  if (head.hasLength && outcome.read == Error::ok && head.status != 204 && head.status != 304)
    fuzz::require(outcome.body.size() == head.contentLength);
  return outcome;
}

/** The other ways to read a body. */
void readText(HttpClient& http, Talk& talk, size_t capacity) {
  HttpHead head;
  if (http.send({"POST", "/api/v1/check-update", "{}", 2, 0, nullptr}, head) != Error::ok) return;
  std::vector<char> text(capacity + 1, '#');
  size_t length = 0;
  const Error error = http.readText(text.data(), capacity, length);
  fuzz::require(text[capacity] == '#');
  fuzz::require(error == Error::ok || !talk.isOpen());
  if (error == Error::ok) fuzz::require(length < capacity && text[length] == '\0');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const fuzz::Running running;
  fuzz::Input input(bytes, count);
  const size_t pieceBytes = input.byte() % 64 + 1;
  const size_t bufferBytes = input.byte() % 200 + 1;
  std::vector<std::string> answers(1);
  const std::string rest = input.rest();
  for (size_t at = 0; at < rest.size() && answers.size() <= 4;) {
    const size_t end = std::min(rest.find(kNextConnection, at), rest.size());
    answers.back() = rest.substr(at, end - at);
    at = end + sizeof kNextConnection - 1;
    if (at < rest.size()) answers.emplace_back();
  }
  Clock clock;
  Talk talk(answers, pieceBytes);
  HttpClient http(talk, clock);
  http.setServer(kServer, "token");
  const Outcome inPieces = exchange(http, talk, bufferBytes);
  // What is left of the connections serves the other calls.
  readText(http, talk, bufferBytes);
  HttpHead head;
  if (http.send({"GET", "/image.bin", nullptr, 0, 7, "\"e\""}, head) == Error::ok) {
    const uint64_t before = http.receivedBytes();
    http.drain();
    fuzz::require(http.receivedBytes() - before <= kHttpDrainBytes + 128);
  }

  Talk wholeTalk(answers, SIZE_MAX);
  HttpClient whole(wholeTalk, clock);
  whole.setServer(kServer, "token");
  fuzz::require(exchange(whole, wholeTalk, bufferBytes) == inPieces);
  return 0;
}
