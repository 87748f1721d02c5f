// What a board and the server must see alike: the cases of protocol/vectors, which the tests of the server read, too
// (tests/protocol/vectors.test.ts).

#include "support/vectors.h"

#include <cstring>

#include "core/offer/image_head.h"
#include "core/offer/manifest.h"
#include "core/offer/semver.h"
#include "core/offer/offer_validation.h"
#include "support/labels.h"

using namespace otter;
using otter_test::LabelList;
using vectors::elements;
using vectors::File;
using vectors::flag;
using vectors::number;
using vectors::text;
using vectors::texts;

namespace {

int sign(int value) { return value < 0 ? -1 : (value > 0 ? 1 : 0); }

/** Fails for what has no order. */
int orderOf(VersionOrder order) {
  switch (order) {
    case VersionOrder::lower:
      return -1;
    case VersionOrder::equal:
      return 0;
    case VersionOrder::higher:
      return 1;
    case VersionOrder::unordered:
    case VersionOrder::unreadable:
      break;
  }
  FAIL_CHECK("not ordered");
  return 99;
}

}  // namespace

TEST_CASE("semver.json: what is SemVer, and which is higher") {
  const File file("semver.json");
  size_t cases = 0;
  for (const std::string& version : texts(file.member("valid"))) {
    CAPTURE(version);
    CHECK(isSemver(version.c_str()));
    CHECK(compareSemver(version.c_str(), version.c_str()) == 0);
    ++cases;
  }
  for (const std::string& version : texts(file.member("invalid"))) {
    CAPTURE(version);
    CHECK_FALSE(isSemver(version.c_str()));
    ++cases;
  }
  for (const Json& row : elements(file.member("order"))) {
    const std::string left = text(row, "left");
    const std::string right = text(row, "right");
    // -1 is no number of this protocol, so it is no number of its reader: whatever is neither 0 nor 1 is -1 here.
    uint32_t stated = 0;
    const int order = row.member("order").toUint32(stated) ? static_cast<int>(stated) : -1;
    CAPTURE(left);
    CAPTURE(right);
    CHECK(sign(compareSemver(left.c_str(), right.c_str())) == order);
    CHECK(sign(compareSemver(right.c_str(), left.c_str())) == -order);
    ++cases;
  }
  for (const Json& row : elements(file.member("reported_order"))) {
    const std::string left = text(row, "left");
    const std::string right = text(row, "right");
    uint32_t stated = 0;
    const int order = row.member("order").toUint32(stated) ? static_cast<int>(stated) : -1;
    CAPTURE(left);
    CAPTURE(right);
    CHECK(orderOf(compareVersions(left.c_str(), right.c_str())) == order);
    CHECK(orderOf(compareVersions(right.c_str(), left.c_str())) == -order);
    ++cases;
  }
  for (const Json& row : elements(file.member("unordered"))) {
    const std::string left = text(row, "left");
    const std::string right = text(row, "right");
    CAPTURE(left);
    CHECK(compareVersions(left.c_str(), right.c_str()) == VersionOrder::unordered);
    CHECK(compareVersions(right.c_str(), left.c_str()) == VersionOrder::unordered);
    ++cases;
  }
  for (const std::string& version : texts(file.member("unreadable"))) {
    CAPTURE(version);
    CHECK(compareVersions(version.c_str(), "1.0.0") == VersionOrder::unreadable);
    CHECK(compareVersions("1.0.0", version.c_str()) == VersionOrder::unreadable);
    ++cases;
  }
  CHECK(cases > 110);
}

TEST_CASE("label-rules.json: which labels a rule takes") {
  const File file("label-rules.json");
  size_t cases = 0;
  for (const Json& row : elements(file.member("cases"))) {
    const std::string rule = text(row, "rule");
    const std::string answer = text(row, "answer");
    CAPTURE(rule);
    CHECK(isLabelRule(rule.c_str()) == (answer != "malformed"));
    CHECK(matchesLabelRule(rule.c_str(), LabelList(texts(row.member("labels")))) == (answer == "matches"));
    ++cases;
  }
  CHECK(cases > 60);
}

namespace {

/** As the engine reads an answer. */
Error readAnswer(const std::string& bytes, CheckAnswer& answer) {
  Json root;
  if (!Json::parse(bytes.data(), bytes.size(), root) || !root.isObject()) return Error::json;
  return readCheckAnswer(root, answer);
}

void compareFields(const CheckAnswer& answer, const Json& fields) {
  CHECK(answer.isOffer == flag(fields, "is_offer"));
  CHECK(answer.pollIntervalS == number(fields, "poll_interval_s"));
  if (!answer.isOffer) return;
  const Manifest& manifest = answer.manifest;
  char sha256[65];
  CHECK(answer.assignmentId == number(fields, "assignment_id"));
  CHECK(answer.isRollback == flag(fields, "is_rollback"));
  CHECK(answer.isForgiven == fields.member("forgiven").isTrue());
  CHECK(answer.url == text(fields, "url"));
  const Json window = fields.member("install_window");
  int32_t utcOffsetMin = 0;
  if (window.isThere()) REQUIRE(window.member("utc_offset_min").toInt32(utcOffsetMin));
  CHECK(answer.installWindow.fromMinute == (window.isThere() ? number(window, "from_minute") : 0));
  CHECK(answer.installWindow.durationMin == (window.isThere() ? number(window, "duration_min") : 0));
  CHECK(answer.installWindow.utcOffsetMin == utcOffsetMin);
  CHECK(manifest.product == text(fields, "product"));
  CHECK(manifest.version == text(fields, "version"));
  CHECK(manifest.chip == text(fields, "chip"));
  CHECK(manifest.securityVersion == number(fields, "security_version"));
  CHECK(manifest.sizeBytes == number(fields, "size_bytes"));
  CHECK(manifest.createdAt == text(fields, "created_at"));
  CHECK(manifest.expiresAt == text(fields, "expires_at"));
  writeSha256(manifest.sha256, sha256);
  CHECK(sha256 == text(fields, "sha256"));
  writeSha256(manifest.elfSha256, sha256);
  const std::string elf = text(fields, "elf_sha256");
  CHECK(sha256 == (elf.empty() ? std::string(64, '0') : elf));
}

}  // namespace

TEST_CASE("manifests.json: what an answer to a check-in says, or which error it is") {
  const File file("manifests.json");
  size_t cases = 0;
  for (const Json& row : elements(file.member("cases"))) {
    const std::string name = text(row, "name");
    CAPTURE(name);
    const std::string bytes = row.member("hex").isThere() ? vectors::fromHex(text(row, "hex")) : text(row, "text");
    CheckAnswer answer;
    const Error error = readAnswer(bytes, answer);
    CHECK(nameOf(error) == text(row, "error"));
    if (error == Error::ok) compareFields(answer, row.member("fields"));
    ++cases;
  }
  CHECK(cases > 150);
}

TEST_CASE("image-heads.json: what the first bytes of an image say") {
  const File file("image-heads.json");
  const std::string base = vectors::fromHex(text(file.member("base_hex")));
  size_t cases = 0;
  for (const Json& row : elements(file.member("cases"))) {
    const std::string name = text(row, "name");
    CAPTURE(name);
    std::string image = base;
    for (const Json& patch : elements(row.member("patch"))) {
      const std::string bytes = vectors::fromHex(text(patch, "hex"));
      image.replace(number(patch, "at"), bytes.size(), bytes);
    }
    REQUIRE(image.size() == base.size());
    uint8_t elfSha256[32] = {};
    const std::string elf = text(row, "elf_sha256");
    if (!elf.empty()) REQUIRE(parseSha256(elf.c_str(), elfSha256));
    // Exactly the bytes that the check may read, so that ASan sees one more.
    const std::vector<uint8_t> head(image.begin(), image.begin() + kImageHeadBytes);
    const auto chipId = static_cast<uint16_t>(number(row, "chip_id"));
    const ImageFacts facts = {chipId, kUnknownRevision, static_cast<uint32_t>(image.size())};
    const Error error = checkImageHead(head.data(), facts, elfSha256);
    CHECK(nameOf(error) == text(row, "client"));
    ++cases;
  }
  CHECK(cases > 20);
}

namespace {

/** A member of the change, or else of the usual facts. */
Json either(const Json& change, const Json& usual, const char* name) {
  const Json value = change.member(name);
  return value.isThere() ? value : usual.member(name);
}

void copyText(const Json& value, char* to, size_t capacity) { REQUIRE(value.copyString(to, capacity)); }

uint32_t toNumber(const Json& value) {
  uint32_t number = 0;
  REQUIRE(value.toUint32(number));
  return number;
}

}  // namespace

TEST_CASE("offers.json: what a board says to an offer") {
  const File file("offers.json");
  size_t cases = 0;
  for (const Json& row : elements(file.member("cases"))) {
    const std::string name = text(row, "name");
    CAPTURE(name);
    const auto board = [&](const char* fact) { return either(row.member("board"), file.member("board"), fact); };
    const auto stated = [&](const char* fact) { return either(row.member("offer"), file.member("offer"), fact); };

    const std::string product = text(board("product"));
    const std::string version = text(board("version"));
    const std::string chip = text(board("chip"));
    const std::string labelRule = text(board("label_rule"));
    const std::string now = text(board("now"));
    BoardFacts facts = {};
    facts.product = product.c_str();
    facts.version = version.c_str();
    facts.chip = chip.c_str();
    facts.slotBytes = toNumber(board("slot_bytes"));
    facts.maxImageBytes = toNumber(board("max_image_bytes"));
    facts.securityFloor = toNumber(board("security_floor"));
    facts.labelRule = labelRule.c_str();
    facts.isKnownBad = board("known_bad").isTrue();
    facts.wasForgiven = board("was_forgiven").isTrue();
    if (!now.empty()) REQUIRE(parseInstant(now.c_str(), facts.nowS));

    CheckAnswer offer = {};
    offer.isOffer = true;
    offer.isRollback = stated("rollback").isTrue();
    offer.isForgiven = stated("forgiven").isTrue();
    Manifest& manifest = offer.manifest;
    copyText(stated("product"), manifest.product, sizeof manifest.product);
    copyText(stated("version"), manifest.version, sizeof manifest.version);
    copyText(stated("chip"), manifest.chip, sizeof manifest.chip);
    copyText(stated("created_at"), manifest.createdAt, sizeof manifest.createdAt);
    copyText(stated("expires_at"), manifest.expiresAt, sizeof manifest.expiresAt);
    manifest.sizeBytes = toNumber(stated("size_bytes"));
    manifest.securityVersion = toNumber(stated("security_version"));

    CHECK(nameOf(validateOffer(facts, offer, LabelList(texts(stated("labels"))))) == text(row, "decision"));
    ++cases;
  }
  CHECK(cases > 50);
}
