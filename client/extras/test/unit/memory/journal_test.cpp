// The journal: its bytes, what survives a torn or lost write, the outbox and the builds that failed.

#include "core/memory/journal.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/firmware_marker.h"
#include "support/memory_store.h"

using namespace otter;
using otter_test::MemoryStore;

namespace {

/** Every field with a value of its own. */
Journal sample() {
  Journal journal;
  journal.stage = Stage::trial;
  journal.cannotRollBack = true;
  journal.targetSlot = 1;
  journal.sourceSlot = 0;
  journal.boots = 2;
  journal.cause = Error::self_test;
  journal.sizeBytes = 1366240;
  journal.securityVersion = 0x01020304;
  journal.securityFloor = 0xF1F2F3F4;
  journal.assignmentId = 0x0102030405060708;
  std::strcpy(journal.version, "1.4.0-rc.1+build.0123456789abcd");
  std::strcpy(journal.leftVersion, "1.3.0");
  for (size_t i = 0; i < 32; ++i) {
    journal.sha256[i] = static_cast<uint8_t>(0x40 + i);
    journal.elfSha256[i] = static_cast<uint8_t>(0x80 + i);
  }
  for (size_t i = 0; i < kHeaderBytes; ++i) journal.header[i] = static_cast<uint8_t>(0xE9 + i);
  for (uint64_t i = 0; i < kOutboxReports; ++i)
    journal.addReport({100 + i, ReportStatus::rolled_back, Error::crash, ResetReason::panic});
  for (uint8_t i = 0; i < kFailedBuilds; ++i) {
    uint8_t sha256[32] = {i, 1, 2, 3, 4, 5, 6, 7};
    journal.addFailures(sha256, static_cast<uint8_t>(i + 1));
  }
  return journal;
}

std::string encoded(const Journal& journal, uint32_t sequence) {
  uint8_t bytes[kJournalBytes];
  const size_t count = encodeJournal(journal, sequence, bytes);
  return {reinterpret_cast<const char*>(bytes), count};
}

bool decode(const std::string& bytes, Journal& journal, uint32_t& sequence) {
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  return decodeJournal(exact.data(), exact.size(), journal, sequence);
}

bool isDecoded(const std::string& bytes) {
  Journal journal;
  uint32_t sequence = 0;
  return decode(bytes, journal, sequence);
}

/** The record with a CRC that is right for what it holds now. */
std::string resealed(std::string bytes) {
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 0; i + 4 < bytes.size(); ++i) crc = crc32Step(crc, static_cast<uint8_t>(bytes[i]));
  crc = ~crc;
  for (size_t i = 0; i < 4; ++i) bytes[bytes.size() - 4 + i] = static_cast<char>(crc >> (8 * i));
  return bytes;
}

Report progress(uint64_t assignmentId, ReportStatus status) {
  return {assignmentId, status, Error::ok, ResetReason::unknown};
}

std::string outboxOf(const Journal& journal) {
  std::string text;
  for (size_t i = 0; i < journal.reportCount; ++i)
    text += std::to_string(journal.reports[i].assignmentId) + nameOf(journal.reports[i].status) + " ";
  return text;
}

struct Sha {
  uint8_t bytes[32] = {};
  explicit Sha(uint8_t first) { bytes[0] = first; }
};

}  // namespace

TEST_CASE("a journal comes back from its bytes, and every field is in them") {
  const Journal journal = sample();
  const std::string bytes = encoded(journal, 0xFEDCBA98);
  Journal back;
  uint32_t sequence = 0;
  REQUIRE(decode(bytes, back, sequence));
  CHECK(sequence == 0xFEDCBA98);
  CHECK(back.stage == Stage::trial);
  CHECK(back.cannotRollBack);
  CHECK(back.targetSlot == 1);
  CHECK(back.sourceSlot == 0);
  CHECK(back.boots == 2);
  CHECK(back.cause == Error::self_test);
  CHECK(back.sizeBytes == 1366240);
  CHECK(back.securityVersion == 0x01020304);
  CHECK(back.securityFloor == 0xF1F2F3F4);
  CHECK(back.assignmentId == 0x0102030405060708);
  CHECK(std::string(back.version) == journal.version);
  CHECK(std::string(back.leftVersion) == "1.3.0");
  CHECK(std::memcmp(back.sha256, journal.sha256, 32) == 0);
  CHECK(std::memcmp(back.elfSha256, journal.elfSha256, 32) == 0);
  CHECK(std::memcmp(back.header, journal.header, kHeaderBytes) == 0);
  CHECK(outboxOf(back) == outboxOf(journal));
  CHECK(back.reports[5].error == Error::crash);
  CHECK(back.reports[5].resetReason == ResetReason::panic);
  for (uint8_t i = 0; i < kFailedBuilds; ++i) {
    const uint8_t sha256[32] = {i, 1, 2, 3, 4, 5, 6, 7};
    CHECK(back.failuresOf(sha256) == i + 1);
  }
  CHECK(encoded(back, 0xFEDCBA98) == bytes);
}

TEST_CASE("a record fits its room, and all records have one length") {
  CHECK(encoded(sample(), 1).size() <= kJournalBytes);
  CHECK(encoded(sample(), 1).size() == encoded(Journal{}, 2).size());
}

TEST_CASE("a record with one changed bit is none") {
  for (const Journal& journal : {Journal{}, sample()}) {
    const std::string bytes = encoded(journal, 7);
    CHECK(isDecoded(bytes));
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string changed = bytes;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      if (isDecoded(changed)) FAIL("bit " << bit);
    }
  }
}

TEST_CASE("a record of another length, of nothing, or of erased flash is none") {
  const std::string bytes = encoded(sample(), 7);
  for (size_t length = 0; length < bytes.size(); ++length) CHECK_FALSE(isDecoded(bytes.substr(0, length)));
  CHECK_FALSE(isDecoded(bytes + '\0'));
  CHECK_FALSE(isDecoded(std::string(bytes.size(), '\0')));
  CHECK_FALSE(isDecoded(std::string(bytes.size(), '\xFF')));
}

TEST_CASE("a record with a good CRC that this library would not write is none") {
  const std::string bytes = encoded(sample(), 7);
  const auto with = [&bytes](size_t at, uint8_t value) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(value);
    return resealed(changed);
  };
  CHECK(isDecoded(resealed(bytes)));
  CHECK_FALSE(isDecoded(with(0, 2)));
  CHECK_FALSE(isDecoded(with(5, static_cast<uint8_t>(Stage::confirming) + 1)));
  const size_t reportCountAt = 31 + 32 + 32 + 32 + 32 + kHeaderBytes;
  REQUIRE(static_cast<uint8_t>(bytes[reportCountAt]) == kOutboxReports);
  CHECK_FALSE(isDecoded(with(reportCountAt, kOutboxReports + 1)));
  CHECK_FALSE(isDecoded(with(reportCountAt, 255)));
}

TEST_CASE("a version without its NUL is cut, not read on") {
  Journal journal;
  std::memset(journal.version, 'x', sizeof journal.version);
  std::memset(journal.leftVersion, 'y', sizeof journal.leftVersion);
  Journal back;
  uint32_t sequence = 0;
  REQUIRE(decode(encoded(journal, 1), back, sequence));
  CHECK(std::string(back.version) == std::string(kMaxVersionChars, 'x'));
  CHECK(std::string(back.leftVersion) == std::string(kMaxVersionChars, 'y'));
}

TEST_CASE("without a record the journal is empty") {
  MemoryStore store;
  JournalStore journals(store);
  Journal journal = sample();
  journals.load(journal);
  CHECK(encoded(journal, 0) == encoded(Journal{}, 0));
}

namespace {

/** The `boots` that a restarted board finds; the tests count with it. */
int found(MemoryStore& store) {
  JournalStore journals(store);
  Journal journal;
  journals.load(journal);
  return journal.boots;
}

Error write(JournalStore& journals, int boots) {
  Journal journal;
  journal.boots = static_cast<uint8_t>(boots);
  return journals.save(journal);
}

}  // namespace

TEST_CASE("the latest record counts, and two keys take turns") {
  MemoryStore store;
  JournalStore journals(store);
  Journal journal;
  journals.load(journal);
  std::string before;
  for (int boots = 1; boots <= 20; ++boots) {
    CHECK(write(journals, boots) == Error::ok);
    CHECK(store.lastKey != before);
    before = store.lastKey;
    CHECK(found(store) == boots);
  }
  CHECK(store.blobs.size() == 2);
}

TEST_CASE("a torn, damaged or lost newest record leaves the one before it, and writing goes on") {
  for (const std::string how :
       {"torn at 1", "torn in the middle", "torn before the last byte", "damaged", "lost", "refused"}) {
    CAPTURE(how);
    MemoryStore store;
    {
      JournalStore journals(store);
      Journal journal;
      journals.load(journal);
      for (int boots = 1; boots <= 5; ++boots) CHECK(write(journals, boots) == Error::ok);
      const size_t length = store.blobs.begin()->second.size();
      if (how == "torn at 1") store.tearAt = 1;
      if (how == "torn in the middle") store.tearAt = static_cast<int>(length / 2);
      if (how == "torn before the last byte") store.tearAt = static_cast<int>(length - 1);
      if (how == "refused") store.tearAt = 0;
      write(journals, 6);
      if (how == "damaged") store.blobs[store.lastKey][9] ^= 0x10;
      if (how == "lost") store.blobs.erase(store.lastKey);
    }
    CHECK(found(store) == 5);
    JournalStore journals(store);
    Journal journal;
    journals.load(journal);
    CHECK(write(journals, 7) == Error::ok);
    CHECK(found(store) == 7);
    CHECK(write(journals, 8) == Error::ok);
    CHECK(found(store) == 8);
  }
}

TEST_CASE("after a write that failed, the next one does not take the place of the good record") {
  MemoryStore store;
  JournalStore journals(store);
  Journal journal;
  journals.load(journal);
  CHECK(write(journals, 1) == Error::ok);
  const std::string good = store.lastKey;
  for (int i = 0; i < 3; ++i) {
    store.tearAt = 10;
    CHECK(write(journals, 2) == Error::nvs);
    CHECK(store.lastKey != good);
    CHECK(found(store) == 1);
  }
  CHECK(write(journals, 3) == Error::ok);
  CHECK(store.lastKey != good);
  CHECK(found(store) == 3);
}

TEST_CASE("the sequence number may wrap") {
  MemoryStore store;
  Journal journal;
  journal.boots = 1;
  store.blobs["journal_a"] = encoded(journal, UINT32_MAX - 1);
  journal.boots = 2;
  store.blobs["journal_b"] = encoded(journal, UINT32_MAX);
  CHECK(found(store) == 2);
  JournalStore journals(store);
  journals.load(journal);
  for (int boots = 3; boots <= 8; ++boots) {
    CHECK(write(journals, boots) == Error::ok);
    CHECK(found(store) == boots);
  }
}

TEST_CASE("the same report is queued once, and one of an image that the library did not install never") {
  Journal journal;
  journal.addReport(progress(7, ReportStatus::trial));
  journal.addReport(progress(7, ReportStatus::trial));
  journal.addReport(progress(0, ReportStatus::trial));
  journal.addReport(progress(7, ReportStatus::confirmed));
  journal.addReport(progress(8, ReportStatus::trial));
  CHECK(outboxOf(journal) == "7trial 7confirmed 8trial ");
}

TEST_CASE("a full outbox gives up progress before results, and the oldest first") {
  Journal journal;
  journal.addReport(progress(1, ReportStatus::confirmed));
  journal.addReport(progress(2, ReportStatus::downloading));
  journal.addReport(progress(2, ReportStatus::rejected));
  journal.addReport(progress(3, ReportStatus::downloading));
  journal.addReport(progress(3, ReportStatus::failed));
  journal.addReport(progress(4, ReportStatus::rolled_back));
  journal.addReport(progress(5, ReportStatus::failed));
  CHECK(outboxOf(journal) == "1confirmed 2rejected 3downloading 3failed 4rolled_back 5failed ");
  journal.addReport(progress(6, ReportStatus::failed));
  CHECK(outboxOf(journal) == "1confirmed 2rejected 3failed 4rolled_back 5failed 6failed ");
  journal.addReport(progress(7, ReportStatus::failed));
  CHECK(outboxOf(journal) == "2rejected 3failed 4rolled_back 5failed 6failed 7failed ");
}

TEST_CASE("progress does not push a result out of a full outbox") {
  Journal journal;
  for (uint64_t i = 1; i <= kOutboxReports; ++i) journal.addReport(progress(i, ReportStatus::failed));
  journal.addReport(progress(9, ReportStatus::downloading));
  CHECK(outboxOf(journal) == "1failed 2failed 3failed 4failed 5failed 6failed ");
}

TEST_CASE("reports are removed from anywhere, and the rest keeps its order") {
  Journal journal;
  for (uint64_t i = 1; i <= 4; ++i) journal.addReport(progress(i, ReportStatus::failed));
  journal.removeReport(0);
  CHECK(outboxOf(journal) == "2failed 3failed 4failed ");
  journal.removeReport(1);
  CHECK(outboxOf(journal) == "2failed 4failed ");
  journal.removeReport(1);
  journal.removeReport(0);
  CHECK(journal.reportCount == 0);
}

TEST_CASE("which reports are final") {
  for (const auto status :
       {ReportStatus::downloading, ReportStatus::downloaded, ReportStatus::installing, ReportStatus::trial})
    CHECK_FALSE(isFinal(status));
  for (const auto status :
       {ReportStatus::confirmed, ReportStatus::failed, ReportStatus::rolled_back, ReportStatus::rejected})
    CHECK(isFinal(status));
}

TEST_CASE("failures are counted for each image, and the one that failed longest ago is forgotten") {
  Journal journal;
  const Sha a(1), b(2), c(3), d(4), e(5);
  CHECK(journal.failuresOf(a.bytes) == 0);
  journal.addFailures(a.bytes, 1);
  journal.addFailures(a.bytes, 1);
  CHECK(journal.failuresOf(a.bytes) == 2);
  journal.addFailures(b.bytes, 3);
  journal.addFailures(c.bytes, 1);
  journal.addFailures(d.bytes, 1);
  // `a` fails again and is the latest; `b` is the one that failed longest ago.
  journal.addFailures(a.bytes, 1);
  journal.addFailures(e.bytes, 1);
  CHECK(journal.failuresOf(a.bytes) == 3);
  CHECK(journal.failuresOf(b.bytes) == 0);
  CHECK(journal.failuresOf(c.bytes) == 1);
  CHECK(journal.failuresOf(d.bytes) == 1);
  CHECK(journal.failuresOf(e.bytes) == 1);
}

TEST_CASE("an image that is forgiven has one attempt left, once for each assignment") {
  Journal journal;
  const Sha a(0x80), b(2);
  journal.addFailures(a.bytes, 5);
  CHECK_FALSE(journal.wasForgiven(a.bytes, 7));
  journal.forgive(a.bytes, 7);
  CHECK(journal.failuresOf(a.bytes) == kKnownBadFailures - 1);
  CHECK(journal.wasForgiven(a.bytes, 7));
  CHECK_FALSE(journal.wasForgiven(a.bytes, 8));
  CHECK_FALSE(journal.wasForgiven(b.bytes, 7));
  journal.addFailures(a.bytes, 1);
  CHECK(journal.failuresOf(a.bytes) == kKnownBadFailures);
  CHECK(journal.wasForgiven(a.bytes, 7));
  Journal back;
  uint32_t sequence = 0;
  REQUIRE(decode(encoded(journal, 1), back, sequence));
  CHECK(back.wasForgiven(a.bytes, 7));
}

TEST_CASE("forgiving does not push out what it forgives, and is no failure where there was none") {
  Journal journal;
  const Sha a(0x80), b(2), c(3), d(4);
  journal.addFailures(a.bytes, 3);
  for (const Sha* other : {&b, &c, &d}) journal.addFailures(other->bytes, 1);
  journal.forgive(a.bytes, 7);
  CHECK(journal.failuresOf(a.bytes) == kKnownBadFailures - 1);
  CHECK(journal.wasForgiven(a.bytes, 7));
  Journal empty;
  empty.forgive(a.bytes, 7);
  CHECK(empty.failuresOf(a.bytes) == 0);
  CHECK(empty.wasForgiven(a.bytes, 7));
}

TEST_CASE("a failure is taken back from its image alone, and never below none") {
  Journal journal;
  const Sha a(1), b(2);
  journal.addFailures(a.bytes, 2);
  journal.addFailures(b.bytes, 1);
  journal.takeBackFailure(a.bytes);
  CHECK(journal.failuresOf(a.bytes) == 1);
  CHECK(journal.failuresOf(b.bytes) == 1);
  journal.takeBackFailure(a.bytes);
  journal.takeBackFailure(a.bytes);
  CHECK(journal.failuresOf(a.bytes) == 0);
}

TEST_CASE("a count of failures stops at its top") {
  Journal journal;
  const Sha a(1);
  journal.addFailures(a.bytes, 200);
  journal.addFailures(a.bytes, 200);
  CHECK(journal.failuresOf(a.bytes) == 255);
}

TEST_CASE("an image that only begins alike in less than 8 bytes is another one") {
  Journal journal;
  Sha a(1), b(1);
  b.bytes[7] = 9;
  journal.addFailures(a.bytes, 1);
  CHECK(journal.failuresOf(b.bytes) == 0);
}

TEST_CASE("clearing an attempt keeps outbox, floor, failures and what was left") {
  Journal journal = sample();
  journal.clearAttempt();
  CHECK(journal.stage == Stage::none);
  CHECK(journal.boots == 0);
  CHECK(journal.cause == Error::ok);
  CHECK(journal.assignmentId == 0);
  CHECK(journal.version[0] == '\0');
  CHECK(journal.reportCount == kOutboxReports);
  CHECK(journal.securityFloor == 0xF1F2F3F4);
  CHECK(std::string(journal.leftVersion) == "1.3.0");
  CHECK(journal.cannotRollBack);
  const uint8_t sha256[32] = {3, 1, 2, 3, 4, 5, 6, 7};
  CHECK(journal.failuresOf(sha256) == 4);
}
