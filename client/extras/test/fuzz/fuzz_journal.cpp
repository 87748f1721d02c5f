// Any bytes as what NVS gives back, with and without a CRC that is right: what is accepted can be used and written
// again.

#include <cstring>
#include <vector>

#include "core/update/boot_diagnosis.h"
#include "core/offer/check_in.h"
#include "core/firmware_marker.h"
#include "core/memory/journal.h"
#include "fuzz_target.h"

using namespace otter;

namespace {

/** Both keys hold the same record. */
class OneRecord final : public Store {
 public:
  explicit OneRecord(const std::string& bytes) : bytes_(bytes) {}
  size_t load(const char*, uint8_t* bytes, size_t capacity) override {
    if (bytes_.size() > capacity) return 0;
    std::memcpy(bytes, bytes_.data(), bytes_.size());
    return bytes_.size();
  }
  Error save(const char*, const uint8_t* bytes, size_t count) override {
    bytes_.assign(reinterpret_cast<const char*>(bytes), count);
    return Error::ok;
  }

 private:
  std::string bytes_;
};

void seal(std::string& record) {
  if (record.size() < 4) return;
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 0; i + 4 < record.size(); ++i) crc = crc32Step(crc, static_cast<uint8_t>(record[i]));
  crc = ~crc;
  for (size_t i = 0; i < 4; ++i) record[record.size() - 4 + i] = static_cast<char>(crc >> (8 * i));
}

std::string encoded(const Journal& journal) {
  std::vector<uint8_t> bytes(kJournalBytes);
  const size_t count = encodeJournal(journal, 1, bytes.data());
  fuzz::require(count <= kJournalBytes);
  return {reinterpret_cast<const char*>(bytes.data()), count};
}

void use(Journal& journal, fuzz::Input& input) {
  BootFacts facts = {};
  facts.runningSlot = input.byte() % 2;
  facts.runningState = static_cast<ImageState>(input.byte() % 6);
  facts.isJournalImage = input.byte() % 2 == 1;
  facts.wasTargetLeft = input.byte() % 2 == 1;
  facts.resetReason = static_cast<ResetReason>(input.byte() % 13);
  diagnoseBoot(journal, facts);
  for (int i = 0; i < 8; ++i) {
    uint8_t sha256[32] = {input.byte()};
    journal.addFailures(sha256, input.byte());
    if (input.byte() % 2 == 1) journal.forgive(sha256, input.byte());
    journal.takeBackFailure(sha256);
    fuzz::require(journal.failuresOf(sha256) <= UINT8_MAX);
    journal.addReport(
        {input.byte(), static_cast<ReportStatus>(input.byte() % 8 + 1), Error::crash, ResetReason::panic});
    fuzz::require(journal.reportCount <= kOutboxReports);
    if (journal.reportCount > 0 && input.byte() % 2 == 1) journal.removeReport(input.byte() % journal.reportCount);
  }
  for (size_t i = 0; i < journal.reportCount; ++i) {
    char text[1024];
    fuzz::require(writeReport("24:6f:28:aa:bb:cc", journal.reports[i], text, sizeof text) > 0);
  }
  fuzz::require(strnlen(journal.version, sizeof journal.version) <= kMaxVersionChars);
  fuzz::require(strnlen(journal.leftVersion, sizeof journal.leftVersion) <= kMaxVersionChars);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const fuzz::Running running;
  fuzz::Input input(bytes, count);
  const bool isSealed = input.byte() % 2 == 1;
  std::string record = input.rest();
  if (isSealed) seal(record);
  // Exact room, so that ASan sees a byte too much.
  const std::vector<uint8_t> exact(record.begin(), record.end());
  Journal journal;
  uint32_t sequence = 0;
  if (!decodeJournal(exact.data(), exact.size(), journal, sequence)) return 0;
  const std::string once = encoded(journal);
  Journal again;
  fuzz::require(decodeJournal(reinterpret_cast<const uint8_t*>(once.data()), once.size(), again, sequence));
  fuzz::require(encoded(again) == once);
  OneRecord store(record);
  JournalStore journals(store);
  Journal loaded;
  journals.load(loaded);
  fuzz::require(encoded(loaded) == once);
  use(loaded, input);
  fuzz::require(journals.save(loaded) == Error::ok);
  JournalStore restarted(store);
  restarted.load(again);
  fuzz::require(encoded(again) == encoded(loaded));
  return 0;
}
