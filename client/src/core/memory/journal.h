// The journal: what the board must not forget over a restart or a power cut. otadata alone cannot tell what happened
// (two of its erase windows lose the entry), so the journal is written before every step that cannot be taken back.
//
// It is one blob with a format version and a CRC. Two keys take turns: a write that is torn or lost leaves the record
// before it, so no floor falls and no build is forgotten. A journal that is gone altogether (NVS erased) is an empty
// one; the board works on with what is compiled in.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"
#include "../error_table.h"

namespace otter {

/** How far an installation is. */
enum class Stage : uint8_t {
  /** Nothing to remember. */
  none,
  /** A verified image waits in the spare slot. */
  staged,
  /** The spare slot is about to be selected, or was. */
  applying,
  /** The new build has started and is on trial. */
  trial,
  /** The new build is good and about to be marked valid. */
  confirming
};

/** What is reported of an attempt; the values are the sequence numbers on the wire, so that a repeat is a duplicate. */
enum class ReportStatus : uint8_t {
  downloading = 1,
  downloaded = 2,
  installing = 3,
  trial = 4,
  confirmed = 5,
  failed = 6,
  rolled_back = 7,
  rejected = 8
};

const char* nameOf(ReportStatus status);

/** An attempt has one final report. */
bool isFinal(ReportStatus status);

struct Report {
  uint64_t assignmentId;
  ReportStatus status;
  Error error;
  /** With `rolled_back`: why the chip restarted, for people. */
  ResetReason resetReason;
};

/**
 * An image that failed here, by the first bytes of its SHA-256. That it was forgiven is one of these, too, by a key of
 * image and assignment: so it stands in the same write as the failures that it lowers, and a library that forgives
 * nothing, such as that of the build to which a trial goes back, reads the record as before.
 */
struct FailedBuild {
  uint8_t sha256[8];
  uint8_t failures;
};

constexpr size_t kOutboxReports = 6;
constexpr size_t kFailedBuilds = 4;

struct Journal {
  Stage stage = Stage::none;
  /** Seen once: the bootloader of this board knows no trial. */
  bool cannotRollBack = false;
  uint8_t targetSlot = kNoSlot;
  uint8_t sourceSlot = kNoSlot;
  /** Starts of the new build that reached `begin()`. */
  uint8_t boots = 0;
  /** Set before the board gives a build up. */
  Error cause = Error::ok;
  uint32_t sizeBytes = 0;
  uint32_t securityVersion = 0;
  uint32_t securityFloor = 0;
  /** 0: an image that this library did not install. */
  uint64_t assignmentId = 0;
  char version[kMaxVersionChars + 1] = {};
  /** The build that was left last; empty once another one was kept. */
  char leftVersion[kMaxVersionChars + 1] = {};
  uint8_t sha256[32] = {};
  uint8_t elfSha256[32] = {};
  uint8_t header[kHeaderBytes] = {};
  uint8_t reportCount = 0;
  Report reports[kOutboxReports] = {};
  FailedBuild failedBuilds[kFailedBuilds] = {};

  /** Queues a report. The same one is queued once; where there is no room, the oldest that is not final goes. */
  void addReport(const Report& report);
  void removeReport(size_t index);
  /** Counts failures of an image; the image that failed longest ago is forgotten. */
  void addFailures(const uint8_t sha256OfImage[32], uint8_t count);
  uint8_t failuresOf(const uint8_t sha256OfImage[8]) const;
  void forgetFailures(const uint8_t sha256OfImage[32]);
  /** One failure less: it was not the image. */
  void takeBackFailure(const uint8_t sha256OfImage[32]);
  /**
   * An operator cleared this image: one attempt more, and when it fails it is known bad again at once. Once for each
   * assignment; `wasForgiven` says whether that was.
   */
  void forgive(const uint8_t sha256OfImage[32], uint64_t ofAssignment);
  bool wasForgiven(const uint8_t sha256OfImage[32], uint64_t ofAssignment) const;
  /** Forgets the image in the spare slot. Outbox, floor and failed builds stay. */
  void clearAttempt();

 private:
  FailedBuild& toFront(const uint8_t key[8]);
};

constexpr size_t kJournalBytes = 384;

/** Loads and saves the journal. */
class JournalStore {
 public:
  explicit JournalStore(Store& store) : store_(store) {}

  /** The latest whole record; an empty one where there is none. */
  void load(Journal& journal);

  /** `nvs`: the record before it is still the latest. */
  Error save(const Journal& journal);

 private:
  Store& store_;
  uint32_t sequence_ = 0;
};

/** The record as bytes, little-endian, with its CRC; exported for tests. Answers the number of bytes. */
size_t encodeJournal(const Journal& journal, uint32_t sequence, uint8_t bytes[kJournalBytes]);

/** False for anything but a whole record of the format that this library writes. */
bool decodeJournal(const uint8_t* bytes, size_t count, Journal& journal, uint32_t& sequence);

}  // namespace otter
