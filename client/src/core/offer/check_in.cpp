#include "check_in.h"

#include "manifest.h"
#include "../text_buffer.h"

namespace otter {

namespace {

/** So many hex digits of a pin tell the server which one it is. */
constexpr size_t kPinIdChars = 16;

/** The server takes 64 characters of a reason, and drops a longer one. */
constexpr size_t kPostponedBytes = 64;

/** The beginning of a text of the application, in whole characters of UTF-8. */
const char* copyBeginning(const char* text, char (&out)[kPostponedBytes]) {
  size_t count = 0;
  for (; text[count] != '\0' && count < sizeof out - 1; ++count) out[count] = text[count];
  const bool isCut = text[count] != '\0';
  // The bytes of a character that was cut: those that go on, and the one that began it.
  if (isCut && (static_cast<unsigned char>(text[count]) & 0xc0) == 0x80) {
    while (count > 0 && (static_cast<unsigned char>(out[count - 1]) & 0xc0) == 0x80) --count;
    if (count > 0) --count;
  }
  out[count] = '\0';
  return out;
}

/** Only those of public keys: that of a certificate says nothing of the key. */
void addPins(TextBuffer& out, const CheckIn& checkIn) {
  out.add(",\"pins\":[");
  size_t said = 0;
  for (size_t i = 0; i < checkIn.pinCount; ++i) {
    if (checkIn.pins[i].kind != Pin::Kind::spki) continue;
    char sha256[65];
    writeSha256(checkIn.pins[i].sha256, sha256);
    sha256[kPinIdChars] = '\0';
    out.add(said++ == 0 ? "" : ",").addJson(sha256);
  }
  out.add("]");
}

/** A board without a release key takes none, and does not speak of them. */
void addConfiguration(TextBuffer& out, const CheckIn& checkIn) {
  if (checkIn.releaseKeyCount == 0) return;
  out.add(",\"configuration_sequence\":").addNumber(checkIn.configurationSequence);
  if (checkIn.configurationError == Error::ok) return;
  out.add(",\"configuration_refused\":").addJson(nameOf(checkIn.configurationError));
}

}  // namespace

size_t writeCheckIn(const CheckIn& checkIn, char* text, size_t capacity) {
  TextBuffer out(text, capacity);
  out.add("{\"mac\":").addJson(checkIn.mac).add(",\"current_version\":").addJson(checkIn.version);
  out.add(",\"product\":").addJson(checkIn.product).add(",\"chip\":").addJson(checkIn.chip);
  out.add(",\"labels\":[");
  for (size_t i = 0; i < checkIn.labelHintCount; ++i) out.add(i == 0 ? "" : ",").addJson(checkIn.labelHints[i]);
  out.add("],\"slot_bytes\":").addNumber(checkIn.slotBytes);
  if (checkIn.imageSha256 != nullptr) {
    char sha256[65];
    writeSha256(checkIn.imageSha256, sha256);
    out.add(",\"image_sha256\":").addJson(sha256);
  }
  out.add(",\"boot\":{\"state\":").addJson(checkIn.isOnTrial ? "trial" : "confirmed");
  out.add(",\"reason\":").addJson(nameOf(checkIn.resetReason));
  if (checkIn.leftVersion[0] != '\0') out.add(",\"rolled_back_from\":").addJson(checkIn.leftVersion);
  out.add(",\"rollback_capable\":").add(checkIn.canRollBack ? "true" : "false");
  out.add(",\"uptime_s\":").addNumber(checkIn.uptimeS);
  out.add("},\"flash_bytes\":").addNumber(checkIn.flashBytes);
  if (checkIn.chipRevision != kUnknownRevision) out.add(",\"chip_revision\":").addNumber(checkIn.chipRevision);
  if (checkIn.postponedId != 0) {
    out.add(",\"postponed\":{\"assignment_id\":").addNumber(checkIn.postponedId);
    char reason[kPostponedBytes];
    out.add(",\"reason\":").addJson(copyBeginning(checkIn.postponedReason, reason)).add("}");
  }
  if (checkIn.nextCheckS > 0) out.add(",\"next_check_s\":").addNumber(checkIn.nextCheckS);
  out.add(",\"free_heap_bytes\":").addNumber(checkIn.freeHeapBytes);
  out.add(",\"largest_block_bytes\":").addNumber(checkIn.largestBlockBytes);
  if (checkIn.rssiDbm != 0) out.add(",\"rssi_dbm\":").addSigned(checkIn.rssiDbm);
  out.add(",\"release_keys\":[");
  for (size_t i = 0; i < checkIn.releaseKeyCount; ++i) out.add(i == 0 ? "" : ",").addJson(checkIn.releaseKeyIds[i]);
  out.add("]");
  if (checkIn.signaturesNeeded > 1) out.add(",\"release_keys_needed\":").addNumber(checkIn.signaturesNeeded);
  addPins(out, checkIn);
  addConfiguration(out, checkIn);
  out.add(",\"library\":").addJson(checkIn.library).add("}");
  return out.isWhole() ? out.size() : 0;
}

size_t writeReport(const char* mac, const Report& report, char* text, size_t capacity) {
  TextBuffer out(text, capacity);
  out.add("{\"mac\":").addJson(mac).add(",\"assignment_id\":").addNumber(report.assignmentId);
  out.add(",\"sequence\":").addNumber(static_cast<uint8_t>(report.status));
  out.add(",\"status\":").addJson(nameOf(report.status));
  if (report.error != Error::ok) {
    out.add(",\"error_code\":").addJson(nameOf(report.error)).add(",\"detail\":\"").add(textOf(report.error));
    if (report.status == ReportStatus::rolled_back) out.add("; reset reason ").add(nameOf(report.resetReason));
    out.add("\"");
  }
  out.add("}");
  return out.isWhole() ? out.size() : 0;
}

size_t writeEnrolment(const char* mac, const char* token, char* text, size_t capacity) {
  TextBuffer out(text, capacity);
  out.add("{\"mac\":").addJson(mac).add(",\"token\":").addJson(token).add("}");
  return out.isWhole() ? out.size() : 0;
}

}  // namespace otter
