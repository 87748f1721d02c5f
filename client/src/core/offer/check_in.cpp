#include "check_in.h"

#include "manifest.h"
#include "../text_buffer.h"

namespace otter {

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
  if (checkIn.nextCheckS > 0) out.add(",\"next_check_s\":").addNumber(checkIn.nextCheckS);
  out.add(",\"free_heap_bytes\":").addNumber(checkIn.freeHeapBytes);
  out.add(",\"largest_block_bytes\":").addNumber(checkIn.largestBlockBytes);
  if (checkIn.rssiDbm != 0) out.add(",\"rssi_dbm\":").addSigned(checkIn.rssiDbm);
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

}  // namespace otter
