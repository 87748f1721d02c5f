// The core on a 32-bit machine without an operating system: the shared vectors, the journal and the HTTP reader. Says
// what failed over the semihosting console and ends with 1. The full tests run on the computer (`unit/`); this one is
// about what differs there: the size of pointers and of `long`, alignment, and a C library that is small.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory/back_off.h"
#include "core/wire/http_client.h"
#include "core/memory/journal.h"
#include "core/wire/json.h"
#include "core/offer/label_rule.h"
#include "core/offer/manifest.h"
#include "core/offer/semver.h"
#include "core/update/update_machine.h"
#include "core/offer/offer_validation.h"

#define VECTOR_FILE(name, file)                                                                 \
  asm(".section .rodata\n.balign 4\n" #name "_start:\n.incbin \"" VECTORS "/" file "\"\n" #name \
      "_end:\n.byte 0\n.previous\n");                                                           \
  extern "C" const char name##_start[];                                                         \
  extern "C" const char name##_end[];

VECTOR_FILE(semver_file, "semver.json")
VECTOR_FILE(rules_file, "label-rules.json")
VECTOR_FILE(manifests_file, "manifests.json")
VECTOR_FILE(offers_file, "offers.json")

using namespace otter;

namespace {

int checks = 0;
int failures = 0;

void check(bool holds, const char* what, const char* which) {
  ++checks;
  if (holds) return;
  ++failures;
  printf("FAILED: %s: %s\n", what, which);
}

Json parse(const char* start, const char* end) {
  Json root;
  check(Json::parse(start, static_cast<size_t>(end - start), root), "the file is JSON", "");
  return root;
}

/** Texts of the vectors, one after the other; each is used before the third one after it. */
const char* text(const Json& value) {
  static char buffers[4][8192];
  static int next = 0;
  char* buffer = buffers[next++ % 4];
  if (!value.copyString(buffer, sizeof buffers[0])) buffer[0] = '\0';
  return buffer;
}

void checkSemver() {
  const Json file = parse(semver_file_start, semver_file_end);
  for (Json at = file.member("valid").firstElement(); at.isThere(); at = at.nextElement())
    check(isSemver(text(at)), "SemVer", text(at));
  for (Json at = file.member("invalid").firstElement(); at.isThere(); at = at.nextElement())
    check(!isSemver(text(at)), "not SemVer", text(at));
  for (Json at = file.member("order").firstElement(); at.isThere(); at = at.nextElement()) {
    uint32_t order = 0;
    const bool isLower = !at.member("order").toUint32(order);
    const int found = compareSemver(text(at.member("left")), text(at.member("right")));
    check(isLower ? found < 0 : (order == 0 ? found == 0 : found > 0), "order", text(at.member("left")));
  }
}

class ListedLabels final : public Labels {
 public:
  explicit ListedLabels(const Json& list) : list_(list) {}
  bool has(const char* name, size_t length) const override {
    for (Json label = list_.firstElement(); label.isThere(); label = label.nextElement())
      if (label.equals(name, length)) return true;
    return false;
  }

 private:
  Json list_;
};

void checkLabelRules() {
  const Json file = parse(rules_file_start, rules_file_end);
  for (Json at = file.member("cases").firstElement(); at.isThere(); at = at.nextElement()) {
    const char* rule = text(at.member("rule"));
    const char* answer = text(at.member("answer"));
    check(matchesLabelRule(rule, ListedLabels(at.member("labels"))) == (strcmp(answer, "matches") == 0), "label rule",
          rule);
  }
}

void checkManifests() {
  const Json file = parse(manifests_file_start, manifests_file_end);
  for (Json at = file.member("cases").firstElement(); at.isThere(); at = at.nextElement()) {
    if (at.member("hex").isThere()) continue;
    const char* bytes = text(at.member("text"));
    Json root;
    CheckAnswer answer;
    const bool isJson = Json::parse(bytes, strlen(bytes), root) && root.isObject();
    const Error error = isJson ? readCheckAnswer(root, answer) : Error::json;
    check(strcmp(nameOf(error), text(at.member("error"))) == 0, "manifest", text(at.member("name")));
  }
}

void checkOffers() {
  const Json file = parse(offers_file_start, offers_file_end);
  for (Json at = file.member("cases").firstElement(); at.isThere(); at = at.nextElement()) {
    const auto either = [&](const char* part, const char* name) {
      const Json changed = at.member(part).member(name);
      return changed.isThere() ? changed : file.member(part).member(name);
    };
    static char product[64];
    static char version[80];
    static char chip[32];
    static char rule[128];
    BoardFacts facts = {product, version, chip, 0, 0, 0, rule, false, false, 0, 0};
    facts.isKnownBad = either("board", "known_bad").isTrue();
    facts.wasForgiven = either("board", "was_forgiven").isTrue();
    either("board", "product").copyString(product, sizeof product);
    either("board", "version").copyString(version, sizeof version);
    either("board", "chip").copyString(chip, sizeof chip);
    either("board", "label_rule").copyString(rule, sizeof rule);
    either("board", "slot_bytes").toUint32(facts.slotBytes);
    either("board", "max_image_bytes").toUint32(facts.maxImageBytes);
    either("board", "security_floor").toUint32(facts.securityFloor);
    parseInstant(text(either("board", "now")), facts.nowS);
    CheckAnswer offer = {};
    Manifest& manifest = offer.manifest;
    offer.isRollback = either("offer", "rollback").isTrue();
    offer.isForgiven = either("offer", "forgiven").isTrue();
    either("offer", "product").copyString(manifest.product, sizeof manifest.product);
    either("offer", "version").copyString(manifest.version, sizeof manifest.version);
    either("offer", "chip").copyString(manifest.chip, sizeof manifest.chip);
    either("offer", "created_at").copyString(manifest.createdAt, sizeof manifest.createdAt);
    either("offer", "expires_at").copyString(manifest.expiresAt, sizeof manifest.expiresAt);
    either("offer", "size_bytes").toUint32(manifest.sizeBytes);
    either("offer", "security_version").toUint32(manifest.securityVersion);
    const Error error = validateOffer(facts, offer, ListedLabels(either("offer", "labels")));
    check(strcmp(nameOf(error), text(at.member("decision"))) == 0, "offer", text(at.member("name")));
  }
}

void checkJournal() {
  Journal journal;
  journal.stage = Stage::trial;
  journal.assignmentId = (1ULL << 52) + 7;
  journal.securityFloor = 0xFFFFFFFE;
  strcpy(journal.version, "1.4.0-rc.1");
  journal.addReport({(1ULL << 40) + 1, ReportStatus::rolled_back, Error::crash, ResetReason::panic});
  uint8_t bytes[kJournalBytes];
  const size_t count = encodeJournal(journal, 41, bytes);
  Journal read;
  uint32_t sequence = 0;
  check(decodeJournal(bytes, count, read, sequence) && sequence == 41, "journal", "round trip");
  check(read.assignmentId == journal.assignmentId && read.securityFloor == 0xFFFFFFFE, "journal", "wide numbers");
  check(read.reports[0].assignmentId == (1ULL << 40) + 1 && read.reports[0].error == Error::crash, "journal", "report");
  for (size_t bit = 0; bit < count * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    if (decodeJournal(bytes, count, read, sequence)) check(false, "journal", "a flipped bit was believed");
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
  }
}

/** Hands out an answer, a few bytes at a time. */
class TextConnection final : public Connection {
 public:
  TextConnection(const char* answer, size_t pieceBytes) : answer_(answer), pieceBytes_(pieceBytes) {}
  Error open(const char*, uint16_t) override { return isOpen_ = true, Error::ok; }
  Error write(const char*, size_t) override { return Error::ok; }
  Error read(uint8_t* bytes, size_t capacity, size_t& received) override {
    const size_t left = strlen(answer_) - at_;
    received = left < capacity ? left : capacity;
    if (received > pieceBytes_) received = pieceBytes_;
    memcpy(bytes, answer_ + at_, received);
    at_ += received;
    return Error::ok;
  }
  void close() override { isOpen_ = false; }
  bool isOpen() override { return isOpen_; }

 private:
  const char* answer_;
  size_t pieceBytes_;
  size_t at_ = 0;
  bool isOpen_ = false;
};

class BareSystem final : public System {
 public:
  uint64_t nowMs() override { return ++ms_; }
  uint32_t random() override { return 0; }
  void rest(uint32_t) override {}
  bool isNetworkUp() override { return true; }
  uint32_t freeHeapBytes() override { return 0; }
  uint32_t largestHeapBlockBytes() override { return 0; }
  uint32_t flashBytes() override { return 0; }
  int rssiDbm() override { return 0; }
  void mac(char text[18]) override { text[0] = '\0'; }
  const char* chip() override { return "esp32c3"; }
  uint16_t chipId() override { return 5; }
  uint16_t chipRevision() override { return otter::kUnknownRevision; }
  void onDownload(bool) override {}

 private:
  uint64_t ms_ = 0;
};

void checkHttp() {
  struct Row {
    const char* answer;
    Error error;
    const char* body;
  };
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Error::ok, "hello"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", Error::ok, "hello"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 4294967297\r\n\r\nhello", Error::http_protocol, ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello", Error::http_protocol, ""},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\nhello", Error::http_protocol, ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", Error::connection_lost, ""},
      {"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", Error::http_protocol, ""},
  };
  for (const Row& row : rows) {
    for (size_t pieceBytes = 1; pieceBytes < 9; ++pieceBytes) {
      TextConnection connection(row.answer, pieceBytes);
      BareSystem system;
      HttpClient http(connection, system);
      Server server = {};
      check(parseServer("https://192.168.1.10:8443", server) && server.port == 8443, "server", "parsed");
      http.setServer(server, "token");
      HttpHead head;
      char body[64] = "";
      size_t length = 0;
      Error error = http.send({"GET", "/", nullptr, 0, 0, nullptr}, head);
      if (error == Error::ok) error = http.readText(body, sizeof body, length);
      check(error == row.error && (error != Error::ok || strcmp(body, row.body) == 0), "HTTP", row.answer);
    }
  }
}

void checkWaits() {
  const uint32_t all = 0xFFFFFFFF;
  check(pollWaitMs(86400, 0) == 77760000 && pollWaitMs(86400, all) == 95040000, "waits", "poll");
  check(retryAfterMs(999999999, all) == 86400000, "waits", "Retry-After is capped");
  check(backOffMs(100, kLongestBackOffS, all) == kLongestBackOffS * 1000, "waits", "back-off is capped");
}

}  // namespace

int main() {
  check(sizeof(void*) == 4, "this machine", "is not 32-bit");
  checkSemver();
  checkLabelRules();
  checkManifests();
  checkOffers();
  checkJournal();
  checkHttp();
  checkWaits();
  printf("%d checks as 32-bit RISC-V, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
