#include "journal.h"

#include <string.h>

#include "../firmware_marker.h"

namespace otter {
namespace {

constexpr uint8_t kFormat = 1;
constexpr const char* kKeys[2] = {"journal_a", "journal_b"};

/** Writes fields one after the other; the record is far smaller than its buffer, and a test says so. */
class Writer {
 public:
  explicit Writer(uint8_t* bytes) : bytes_(bytes) {}
  void u8(uint8_t value) { bytes_[used_++] = value; }
  void u32(uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) u8(static_cast<uint8_t>(value >> shift));
  }
  void u64(uint64_t value) {
    u32(static_cast<uint32_t>(value));
    u32(static_cast<uint32_t>(value >> 32));
  }
  void raw(const void* from, size_t count) {
    memcpy(bytes_ + used_, from, count);
    used_ += count;
  }
  size_t used() const { return used_; }

 private:
  uint8_t* bytes_;
  size_t used_ = 0;
};

class Reader {
 public:
  explicit Reader(const uint8_t* bytes) : bytes_(bytes) {}
  uint8_t u8() { return bytes_[used_++]; }
  uint32_t u32() {
    uint32_t value = 0;
    for (int shift = 0; shift < 32; shift += 8) value |= static_cast<uint32_t>(u8()) << shift;
    return value;
  }
  uint64_t u64() {
    const uint64_t low = u32();
    return low | (static_cast<uint64_t>(u32()) << 32);
  }
  void raw(void* to, size_t count) {
    memcpy(to, bytes_ + used_, count);
    used_ += count;
  }

 private:
  const uint8_t* bytes_;
  size_t used_ = 0;
};

/** With so many failures a build has one attempt left. */
constexpr uint8_t kLastAttempt = kKnownBadFailures - 1;

/** Says among the failed builds that one was forgiven: no SHA-256 of a build begins like it but by chance. */
struct ForgivenKey {
  uint8_t bytes[8];
  ForgivenKey(const uint8_t sha256OfImage[32], uint64_t assignmentId) {
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(sha256OfImage[i] ^ (assignmentId >> (8 * i)));
  }
};

uint32_t crc32(const uint8_t* bytes, size_t count) {
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 0; i < count; ++i) crc = crc32Step(crc, bytes[i]);
  return ~crc;
}

}  // namespace

const char* nameOf(ReportStatus status) {
  switch (status) {
    case ReportStatus::downloading:
      return "downloading";
    case ReportStatus::downloaded:
      return "downloaded";
    case ReportStatus::installing:
      return "installing";
    case ReportStatus::trial:
      return "trial";
    case ReportStatus::confirmed:
      return "confirmed";
    case ReportStatus::failed:
      return "failed";
    case ReportStatus::rolled_back:
      return "rolled_back";
    case ReportStatus::rejected:
      return "rejected";
  }
  return "failed";
}

bool isFinal(ReportStatus status) { return status >= ReportStatus::confirmed; }

void Journal::addReport(const Report& report) {
  if (report.assignmentId == 0) return;
  for (size_t i = 0; i < reportCount; ++i)
    if (reports[i].assignmentId == report.assignmentId && reports[i].status == report.status) return;
  if (reportCount == kOutboxReports) {
    size_t oldest = 0;
    while (oldest < kOutboxReports && isFinal(reports[oldest].status)) ++oldest;
    const bool onlyResults = oldest == kOutboxReports;
    // Progress is for people; a result is worth more, and the latest result more than the oldest.
    if (onlyResults && !isFinal(report.status)) return;
    removeReport(onlyResults ? 0 : oldest);
  }
  reports[reportCount++] = report;
}

void Journal::removeReport(size_t index) {
  for (size_t i = index; i + 1 < reportCount; ++i) reports[i] = reports[i + 1];
  --reportCount;
}

void Journal::addFailures(const uint8_t sha256OfImage[32], uint8_t count) {
  if (count == 0) return;
  const int sum = failuresOf(sha256OfImage) + count;
  toFront(sha256OfImage).failures = static_cast<uint8_t>(sum > UINT8_MAX ? UINT8_MAX : sum);
}

/** The latest comes first, so that the last one is the one to forget. */
FailedBuild& Journal::toFront(const uint8_t key[8]) {
  size_t at = 0;
  while (at < kFailedBuilds - 1 && memcmp(failedBuilds[at].sha256, key, 8) != 0) ++at;
  for (; at > 0; --at) failedBuilds[at] = failedBuilds[at - 1];
  memcpy(failedBuilds[0].sha256, key, 8);
  return failedBuilds[0];
}

uint8_t Journal::failuresOf(const uint8_t sha256OfImage[8]) const {
  for (const FailedBuild& build : failedBuilds)
    if (build.failures > 0 && memcmp(build.sha256, sha256OfImage, 8) == 0) return build.failures;
  return 0;
}

void Journal::forgetFailures(const uint8_t sha256OfImage[32]) {
  for (FailedBuild& build : failedBuilds)
    if (memcmp(build.sha256, sha256OfImage, 8) == 0) build = {};
}

void Journal::takeBackFailure(const uint8_t sha256OfImage[32]) {
  for (FailedBuild& build : failedBuilds)
    if (build.failures > 0 && memcmp(build.sha256, sha256OfImage, 8) == 0) --build.failures;
}

void Journal::forgive(const uint8_t sha256OfImage[32], uint64_t ofAssignment) {
  const uint8_t failures = failuresOf(sha256OfImage);
  // First, so that the key cannot push it out.
  if (failures > 0) toFront(sha256OfImage).failures = failures < kLastAttempt ? failures : kLastAttempt;
  toFront(ForgivenKey(sha256OfImage, ofAssignment).bytes).failures = 1;
}

bool Journal::wasForgiven(const uint8_t sha256OfImage[32], uint64_t ofAssignment) const {
  return failuresOf(ForgivenKey(sha256OfImage, ofAssignment).bytes) > 0;
}

void Journal::clearAttempt() {
  stage = Stage::none;
  boots = 0;
  cause = Error::ok;
  sizeBytes = 0;
  assignmentId = 0;
  version[0] = '\0';
}

size_t encodeJournal(const Journal& journal, uint32_t sequence, uint8_t bytes[kJournalBytes]) {
  Writer out(bytes);
  out.u8(kFormat);
  out.u32(sequence);
  out.u8(static_cast<uint8_t>(journal.stage));
  out.u8(journal.cannotRollBack ? 1 : 0);
  out.u8(journal.targetSlot);
  out.u8(journal.sourceSlot);
  out.u8(journal.boots);
  out.u8(static_cast<uint8_t>(journal.cause));
  out.u32(journal.sizeBytes);
  out.u32(journal.securityVersion);
  out.u32(journal.securityFloor);
  out.u64(journal.assignmentId);
  out.raw(journal.version, sizeof journal.version);
  out.raw(journal.leftVersion, sizeof journal.leftVersion);
  out.raw(journal.sha256, sizeof journal.sha256);
  out.raw(journal.elfSha256, sizeof journal.elfSha256);
  out.raw(journal.header, sizeof journal.header);
  out.u8(journal.reportCount);
  for (const Report& report : journal.reports) {
    out.u64(report.assignmentId);
    out.u8(static_cast<uint8_t>(report.status));
    out.u8(static_cast<uint8_t>(report.error));
    out.u8(static_cast<uint8_t>(report.resetReason));
  }
  for (const FailedBuild& build : journal.failedBuilds) {
    out.raw(build.sha256, sizeof build.sha256);
    out.u8(build.failures);
  }
  out.u32(crc32(bytes, out.used()));
  return out.used();
}

bool decodeJournal(const uint8_t* bytes, size_t count, Journal& journal, uint32_t& sequence) {
  uint8_t expected[kJournalBytes];
  if (count != encodeJournal(Journal{}, 0, expected) || bytes[0] != kFormat) return false;
  if (Reader(bytes + count - 4).u32() != crc32(bytes, count - 4)) return false;
  Reader in(bytes);
  in.u8();
  sequence = in.u32();
  journal.stage = static_cast<Stage>(in.u8());
  journal.cannotRollBack = in.u8() != 0;
  journal.targetSlot = in.u8();
  journal.sourceSlot = in.u8();
  journal.boots = in.u8();
  journal.cause = static_cast<Error>(in.u8());
  journal.sizeBytes = in.u32();
  journal.securityVersion = in.u32();
  journal.securityFloor = in.u32();
  journal.assignmentId = in.u64();
  in.raw(journal.version, sizeof journal.version);
  in.raw(journal.leftVersion, sizeof journal.leftVersion);
  in.raw(journal.sha256, sizeof journal.sha256);
  in.raw(journal.elfSha256, sizeof journal.elfSha256);
  in.raw(journal.header, sizeof journal.header);
  journal.reportCount = in.u8();
  for (Report& report : journal.reports) {
    report.assignmentId = in.u64();
    report.status = static_cast<ReportStatus>(in.u8());
    report.error = static_cast<Error>(in.u8());
    report.resetReason = static_cast<ResetReason>(in.u8());
  }
  for (FailedBuild& build : journal.failedBuilds) {
    in.raw(build.sha256, sizeof build.sha256);
    build.failures = in.u8();
  }
  // The CRC held, so these are what was written; a later format may still mean something else by them.
  journal.version[kMaxVersionChars] = '\0';
  journal.leftVersion[kMaxVersionChars] = '\0';
  return journal.stage <= Stage::confirming && journal.reportCount <= kOutboxReports;
}

void JournalStore::load(Journal& journal) {
  bool isFound = false;
  for (const char* key : kKeys) {
    uint8_t bytes[kJournalBytes];
    Journal candidate;
    uint32_t sequence = 0;
    const size_t count = store_.load(key, bytes, sizeof bytes);
    if (!decodeJournal(bytes, count, candidate, sequence)) continue;
    // Later by distance, so that the number may wrap.
    if (isFound && static_cast<int32_t>(sequence - sequence_) < 0) continue;
    journal = candidate;
    sequence_ = sequence;
    isFound = true;
  }
  if (!isFound) {
    journal = Journal{};
    sequence_ = 0;
  }
}

Error JournalStore::save(const Journal& journal) {
  uint8_t bytes[kJournalBytes];
  const size_t count = encodeJournal(journal, sequence_ + 1, bytes);
  const Error error = store_.save(kKeys[(sequence_ + 1) % 2], bytes, count);
  if (error == Error::ok) ++sequence_;
  return error;
}

}  // namespace otter
