// The two bodies that a board sends, to the byte.

#include "core/offer/check_in.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/wire/json.h"

using namespace otter;

namespace {

CheckIn sample() {
  CheckIn checkIn = {};
  checkIn.mac = "24:6f:28:aa:bb:cc";
  checkIn.version = "1.4.0";
  checkIn.product = "thermostat";
  checkIn.chip = "esp32s3";
  checkIn.slotBytes = 1900544;
  checkIn.canRollBack = true;
  checkIn.resetReason = ResetReason::power_on;
  checkIn.leftVersion = "";
  checkIn.uptimeS = 61;
  checkIn.flashBytes = 4194304;
  checkIn.chipRevision = kUnknownRevision;
  checkIn.freeHeapBytes = 201344;
  checkIn.largestBlockBytes = 110580;
  checkIn.library = "otter-ota/0.1.0";
  return checkIn;
}

std::string bodyOf(const CheckIn& checkIn) {
  char text[2048];
  const size_t length = writeCheckIn(checkIn, text, sizeof text);
  Json root;
  CHECK(length > 0);
  CHECK(Json::parse(text, length, root));
  return std::string(text, length);
}

std::string bodyOf(const Report& report) {
  char text[1024];
  const size_t length = writeReport("24:6f:28:aa:bb:cc", report, text, sizeof text);
  Json root;
  CHECK(length > 0);
  CHECK(Json::parse(text, length, root));
  return std::string(text, length);
}

}  // namespace

TEST_CASE("a check-in says why an offer was put off, in at most 63 bytes and whole characters") {
  CheckIn checkIn = sample();
  checkIn.postponedId = 17;
  checkIn.postponedReason = "line\nbreak";
  CHECK(bodyOf(checkIn).find(R"("postponed":{"assignment_id":17,"reason":"line break"})") != std::string::npos);
  // 62 letters and one of two bytes, of which the second would not fit.
  const std::string cut(62, 'a');
  const std::string long_ = cut + "\xc3\xa4" + "b";
  checkIn.postponedReason = long_.c_str();
  CHECK(bodyOf(checkIn).find("\"reason\":\"" + cut + "\"}") != std::string::npos);
  const std::string fits = std::string(61, 'a') + "\xc3\xa4";
  checkIn.postponedReason = fits.c_str();
  CHECK(bodyOf(checkIn).find("\"reason\":\"" + fits + "\"}") != std::string::npos);
}

TEST_CASE("a board says the revision of its chip where it knows it") {
  CheckIn checkIn = sample();
  CHECK(bodyOf(checkIn).find("chip_revision") == std::string::npos);
  checkIn.chipRevision = 301;
  CHECK(bodyOf(checkIn).find(",\"chip_revision\":301,") != std::string::npos);
}

TEST_CASE("a check-in of a board that knows little") {
  CHECK(
      bodyOf(sample()) ==
      R"({"mac":"24:6f:28:aa:bb:cc","current_version":"1.4.0","product":"thermostat","chip":"esp32s3","labels":[],)"
      R"("slot_bytes":1900544,"boot":{"state":"confirmed","reason":"power_on","rollback_capable":true,"uptime_s":61},)"
      R"("flash_bytes":4194304,"free_heap_bytes":201344,"largest_block_bytes":110580,"release_keys":[],"pins":[],"library":"otter-ota/0.1.0"})");
}

TEST_CASE("a check-in of a board on trial that knows everything") {
  const char* const hints[] = {"pilot", "floor-2"};
  uint8_t identity[32];
  for (size_t i = 0; i < 32; ++i) identity[i] = static_cast<uint8_t>(i);
  CheckIn checkIn = sample();
  checkIn.labelHints = hints;
  checkIn.labelHintCount = 2;
  checkIn.imageSha256 = identity;
  checkIn.isOnTrial = true;
  checkIn.canRollBack = false;
  checkIn.resetReason = ResetReason::task_watchdog;
  checkIn.leftVersion = "1.3.0";
  checkIn.nextCheckS = 86400;
  checkIn.rssiDbm = -67;
  CHECK(bodyOf(checkIn) ==
        R"({"mac":"24:6f:28:aa:bb:cc","current_version":"1.4.0","product":"thermostat","chip":"esp32s3",)"
        R"("labels":["pilot","floor-2"],"slot_bytes":1900544,)"
        R"("image_sha256":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",)"
        R"("boot":{"state":"trial","reason":"task_watchdog","rolled_back_from":"1.3.0","rollback_capable":false,)"
        R"("uptime_s":61},"flash_bytes":4194304,"next_check_s":86400,"free_heap_bytes":201344,)"
        R"("largest_block_bytes":110580,"rssi_dbm":-67,"release_keys":[],"pins":[],"library":"otter-ota/0.1.0"})");
}

TEST_CASE("texts of the sketch cannot break out of their member") {
  CheckIn checkIn = sample();
  checkIn.version = "1.0\",\"mac\":\"x";
  checkIn.product = "a\\";
  const std::string body = bodyOf(checkIn);
  Json root;
  REQUIRE(Json::parse(body.data(), body.size(), root));
  CHECK(root.member("current_version").equals("1.0\",\"mac\":\"x", 13));
  CHECK(root.member("product").equals("a\\", 2));
}

TEST_CASE("a check-in names the release keys, and how many have to sign where that is more than one") {
  CheckIn checkIn = sample();
  const char ids[2][kKeyIdBytes] = {"2f9899b0cb350685", "0123456789abcdef"};
  checkIn.releaseKeyIds = ids;
  checkIn.releaseKeyCount = 2;
  checkIn.signaturesNeeded = 1;
  CHECK(bodyOf(checkIn).find(R"(,"release_keys":["2f9899b0cb350685","0123456789abcdef"],"pins":[],)") !=
        std::string::npos);
  checkIn.signaturesNeeded = 2;
  CHECK(bodyOf(checkIn).find(R"("0123456789abcdef"],"release_keys_needed":2,"pins":[],)") != std::string::npos);
}

TEST_CASE("the longest check-in of the library fits a kilobyte") {
  const std::string longestName(kMaxNameChars, 'n');
  const std::string longestVersion(kMaxVersionChars, '9');
  const std::vector<const char*> hints(kMaxLabelHints, longestName.c_str());
  const uint8_t identity[32] = {};
  CheckIn checkIn = sample();
  checkIn.version = longestVersion.c_str();
  checkIn.product = longestName.c_str();
  checkIn.chip = "esp32c61";
  checkIn.labelHints = hints.data();
  checkIn.labelHintCount = hints.size();
  checkIn.imageSha256 = identity;
  checkIn.isOnTrial = true;
  checkIn.resetReason = ResetReason::interrupt_watchdog;
  checkIn.leftVersion = longestVersion.c_str();
  checkIn.rssiDbm = -127;
  for (uint32_t* number : {&checkIn.slotBytes, &checkIn.uptimeS, &checkIn.flashBytes, &checkIn.nextCheckS,
                           &checkIn.freeHeapBytes, &checkIn.largestBlockBytes})
    *number = UINT32_MAX;
  CHECK(bodyOf(checkIn).size() < 1024);
}

TEST_CASE("a body that does not fit is none") {
  const size_t whole = bodyOf(sample()).size();
  for (size_t capacity = 1; capacity <= whole + 1; ++capacity) {
    CAPTURE(capacity);
    std::vector<char> text(capacity);
    CHECK(writeCheckIn(sample(), text.data(), capacity) == (capacity == whole + 1 ? whole : 0));
  }
}

TEST_CASE("reports") {
  struct Row {
    Report report;
    const char* rest;
  };
  const Row rows[] = {
      {{11, ReportStatus::downloading, Error::ok, ResetReason::software},
       R"("assignment_id":11,"sequence":1,"status":"downloading"})"},
      {{9007199254740991, ReportStatus::confirmed, Error::ok, ResetReason::software},
       R"("assignment_id":9007199254740991,"sequence":5,"status":"confirmed"})"},
      {{12, ReportStatus::rejected, Error::chip, ResetReason::panic},
       R"("assignment_id":12,"sequence":8,"status":"rejected","error_code":"chip",)"
       R"("detail":"the image is for another chip"})"},
      {{12, ReportStatus::failed, Error::hash, ResetReason::panic},
       R"("assignment_id":12,"sequence":6,"status":"failed","error_code":"hash",)"
       R"("detail":"the downloaded bytes have another SHA-256"})"},
      {{12, ReportStatus::rolled_back, Error::crash, ResetReason::panic},
       R"("assignment_id":12,"sequence":7,"status":"rolled_back","error_code":"crash",)"
       R"("detail":"the build crashed on trial; reset reason panic"})"},
  };
  for (const Row& row : rows) CHECK(bodyOf(row.report) == std::string(R"({"mac":"24:6f:28:aa:bb:cc",)") + row.rest);
}

TEST_CASE("every report fits 512 bytes, and its detail the 200 characters of the wire") {
#define OTTER_ROW(number, name, text, retryable, fault) Error::name,
  for (const Error error : {OTTER_ERROR_TABLE(OTTER_ROW)}) {
#undef OTTER_ROW
    CAPTURE(nameOf(error));
    char text[512];
    const Report report = {9007199254740991, ReportStatus::rolled_back, error, ResetReason::interrupt_watchdog};
    const size_t length = writeReport("24:6f:28:aa:bb:cc", report, text, sizeof text);
    REQUIRE(length > 0);
    Json root;
    REQUIRE(Json::parse(text, length, root));
    char detail[201];
    CHECK(root.member("detail").copyString(detail, sizeof detail));
  }
}

TEST_CASE("a check-in names the pins of the sketch in short, and the configuration only where a key could sign one") {
  CheckIn checkIn = sample();
  Pin pins[3] = {{Pin::Kind::spki, {}}, {Pin::Kind::certificate, {}}, {Pin::Kind::spki, {}}};
  pins[0].sha256[0] = 0xab;
  pins[2].sha256[7] = 0x0f;
  checkIn.pins = pins;
  checkIn.pinCount = 3;
  checkIn.configurationSequence = 7;
  checkIn.configurationError = Error::expired;
  CHECK(bodyOf(checkIn).find(R"(,"pins":["ab00000000000000","000000000000000f"],"library")") != std::string::npos);
  const char ids[1][kKeyIdBytes] = {"2f9899b0cb350685"};
  checkIn.releaseKeyIds = ids;
  checkIn.releaseKeyCount = 1;
  checkIn.signaturesNeeded = 1;
  CHECK(bodyOf(checkIn).find(R"(,"configuration_sequence":7,"configuration_refused":"expired","library")") !=
        std::string::npos);
  checkIn.configurationError = Error::ok;
  CHECK(bodyOf(checkIn).find(R"(,"configuration_sequence":7,"library")") != std::string::npos);
}
