// Manifests beyond the shared vectors: the text that is signed, instants, digests, and that a refused answer offers
// nothing.

#include "core/offer/manifest.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "support/vectors.h"

using namespace otter;

namespace {

Error readAnswer(const std::string& text, CheckAnswer& answer) {
  Json root;
  REQUIRE(Json::parse(text.data(), text.size(), root));
  return readCheckAnswer(root, answer);
}

const std::string kOffer =
    R"({"update_available":true,"reason":"update","poll_interval_s":570,"assignment_id":11,)"
    R"("rollback":false,"labels":[],)"
    R"("manifest":{"format":"otter-manifest/1","product":"thermostat","version":"1.4.0","chip":"esp32s3",)"
    R"("size_bytes":1366240,"sha256":"7963b3782daae1ae98eda596f18e1cd5dc95f978766247b6c6995d485f0203a1",)"
    R"("security_version":3,"created_at":"2026-11-23T12:07:27Z","release_notes":""},"url":"/firmware/image.bin"})";

}  // namespace

TEST_CASE("the canonical text of the signed vector is rebuilt from the fields of its manifest") {
  const vectors::File file("signature.json");
  const Json stated = file.member("manifest");
  Manifest manifest = {};
  REQUIRE(stated.member("product").copyString(manifest.product, sizeof manifest.product));
  REQUIRE(stated.member("version").copyString(manifest.version, sizeof manifest.version));
  REQUIRE(stated.member("chip").copyString(manifest.chip, sizeof manifest.chip));
  REQUIRE(stated.member("created_at").copyString(manifest.createdAt, sizeof manifest.createdAt));
  REQUIRE(stated.member("expires_at").copyString(manifest.expiresAt, sizeof manifest.expiresAt));
  REQUIRE(stated.member("size_bytes").toUint32(manifest.sizeBytes));
  REQUIRE(stated.member("security_version").toUint32(manifest.securityVersion));
  REQUIRE(parseSha256(vectors::text(stated, "sha256").c_str(), manifest.sha256));
  char text[kCanonicalTextBytes];
  const size_t length = writeCanonicalText(manifest, text);
  CHECK(std::string(text, length) == vectors::text(file.member("canonical_text")));
  CHECK(text[length] == '\0');
}

TEST_CASE("canonical-texts.json: the text that is signed, or that there is none") {
  const vectors::File file("canonical-texts.json");
  size_t cases = 0;
  for (const Json& row : vectors::elements(file.member("cases"))) {
    const std::string name = vectors::text(row, "name");
    CAPTURE(name);
    const std::string answerText =
        R"({"update_available":true,"reason":"update","poll_interval_s":570,"assignment_id":11,"rollback":false,)"
        R"("labels":[],"url":"/firmware/image.bin","manifest":)" +
        vectors::text(row, "manifest") + "}";
    CheckAnswer answer;
    const Error error = readAnswer(answerText, answer);
    const bool isReadable = row.member("text").isString();
    CHECK((error == Error::ok) == isReadable);
    if (error == Error::ok && isReadable) {
      char text[kCanonicalTextBytes];
      const size_t length = writeCanonicalText(answer.manifest, text);
      CHECK(std::string(text, length) == vectors::text(row, "text"));
    }
    ++cases;
  }
  CHECK(cases > 40);
}

TEST_CASE("the canonical text without an expiry says so") {
  CheckAnswer answer;
  REQUIRE(readAnswer(kOffer, answer) == Error::ok);
  char text[kCanonicalTextBytes];
  writeCanonicalText(answer.manifest, text);
  CHECK(std::string(text) ==
        "otter-manifest/1\nproduct=thermostat\nchip=esp32s3\nversion=1.4.0\nsecurity_version=3\nsize_bytes=1366240\n"
        "sha256=7963b3782daae1ae98eda596f18e1cd5dc95f978766247b6c6995d485f0203a1\n"
        "created_at=2026-11-23T12:07:27Z\nexpires_at=-\n");
}

TEST_CASE("the longest canonical text fits") {
  Manifest manifest = {};
  std::memset(manifest.product, 'p', sizeof manifest.product - 1);
  std::memset(manifest.version, '1', sizeof manifest.version - 1);
  std::memset(manifest.chip, 'c', sizeof manifest.chip - 1);
  std::strcpy(manifest.createdAt, "2026-11-23T12:07:27Z");
  std::strcpy(manifest.expiresAt, "2026-11-23T12:07:27Z");
  manifest.securityVersion = UINT32_MAX;
  manifest.sizeBytes = UINT32_MAX;
  char text[kCanonicalTextBytes];
  const size_t length = writeCanonicalText(manifest, text);
  CHECK(length < kCanonicalTextBytes);
  CHECK(std::string(text).substr(length - 11) == "T12:07:27Z\n");
}

TEST_CASE("no byte of an offer can be lost without the board noticing or the text staying the same offer") {
  CheckAnswer whole;
  REQUIRE(readAnswer(kOffer, whole) == Error::ok);
  Json root;
  for (size_t length = 0; length < kOffer.size(); ++length) CHECK_FALSE(Json::parse(kOffer.data(), length, root));
}

TEST_CASE("a refused answer says nothing of the answer before it") {
  CheckAnswer answer;
  REQUIRE(readAnswer(kOffer, answer) == Error::ok);
  CHECK(readAnswer(R"({"update_available":true,"poll_interval_s":60})", answer) == Error::manifest_syntax);
  CHECK(answer.assignmentId == 0);
  CHECK(answer.manifest.sizeBytes == 0);
  CHECK(answer.manifest.version[0] == '\0');
  CHECK(answer.url[0] == '\0');
  CHECK(readAnswer(R"({"update_available":false,"poll_interval_s":60})", answer) == Error::ok);
  CHECK_FALSE(answer.isOffer);
  CHECK(readAnswer("{}", answer) == Error::json);
  CHECK_FALSE(answer.isOffer);
}

TEST_CASE("instants are seconds since 1970") {
  struct Row {
    const char* text;
    int64_t epochS;
  };
  const Row rows[] = {
      {"1970-01-01T00:00:00Z", 0},          {"1970-01-01T00:00:01Z", 1},
      {"1999-12-31T23:59:59Z", 946684799},  {"2000-02-29T00:00:00Z", 951782400},
      {"2000-03-01T00:00:00Z", 951868800},  {"2024-02-28T23:59:59Z", 1709164799},
      {"2024-02-29T12:00:00Z", 1709208000}, {"2024-03-01T00:00:00Z", 1709251200},
      {"2026-11-23T12:07:27Z", 1795435647}, {"2038-01-19T03:14:08Z", 2147483648},
      {"2100-02-28T00:00:00Z", 4107456000}, {"2100-03-01T00:00:00Z", 4107542400},
      {"2106-02-07T06:28:16Z", 4294967296}, {"9999-12-31T23:59:59Z", 253402300799},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    int64_t epochS = -1;
    CHECK(parseInstant(row.text, epochS));
    CHECK(epochS == row.epochS);
  }
}

TEST_CASE("days that the calendar does not have are no instants") {
  for (const std::string text :
       {"2026-02-29T00:00:00Z", "2026-02-30T00:00:00Z", "2024-02-30T00:00:00Z", "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-06-31T00:00:00Z", "2026-09-31T00:00:00Z", "2026-11-31T00:00:00Z"}) {
    CAPTURE(text);
    int64_t epochS = 0;
    CHECK_FALSE(parseInstant(text.c_str(), epochS));
  }
}

TEST_CASE("every other spelling of an instant is refused") {
  const std::string good = "2026-11-23T12:07:27Z";
  int64_t epochS = 0;
  for (size_t length = 0; length < good.size(); ++length)
    CHECK_FALSE(parseInstant(good.substr(0, length).c_str(), epochS));
  CHECK_FALSE(parseInstant((good + "Z").c_str(), epochS));
  for (size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = 'x';
    CAPTURE(changed);
    CHECK_FALSE(parseInstant(changed.c_str(), epochS));
  }
}

TEST_CASE("a digest is 64 digits in lower case") {
  const std::string good = "00ff" + std::string(56, '7') + "a0b1";
  uint8_t bytes[32];
  char text[65];
  REQUIRE(parseSha256(good.c_str(), bytes));
  CHECK(bytes[1] == 0xFF);
  CHECK(bytes[31] == 0xB1);
  writeSha256(bytes, text);
  CHECK(text == good);
  for (size_t length = 0; length < 64; ++length) CHECK_FALSE(parseSha256(good.substr(0, length).c_str(), bytes));
  CHECK_FALSE(parseSha256((good + "0").c_str(), bytes));
  for (const char c : {'A', 'F', 'g', ' ', '/', ':', '`', '\x7f', '\xff'}) {
    std::string changed = good;
    changed[63] = c;
    CHECK_FALSE(parseSha256(changed.c_str(), bytes));
  }
}
