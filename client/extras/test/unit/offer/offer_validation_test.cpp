// Vetting beyond the shared vectors: what is taken is within every bound, over many random boards and offers.

#include "core/offer/offer_validation.h"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/offer/semver.h"
#include "support/labels.h"

using namespace otter;
using otter_test::LabelList;

namespace {

constexpr int64_t kNowS = 1'795'435'647;  // 2026-11-23T12:07:27Z

struct Draw {
  std::mt19937 random{1};

  uint32_t upTo(uint32_t most) { return static_cast<uint32_t>(random()) % (most + 1); }
  std::string oneOf(std::initializer_list<const char*> texts) {
    return texts.begin()[upTo(static_cast<uint32_t>(texts.size() - 1))];
  }
};

}  // namespace

TEST_CASE("no offer is taken that breaks a rule, and each reason is true") {
  Draw draw;
  std::map<std::string, int> seen;
  for (int i = 0; i < 200'000; ++i) {
    const std::string product = draw.oneOf({"a", "a", "a", "b"});
    const std::string running = draw.oneOf({"1.0.0", "1.1.0-rc.1", "dev", "2.0.0"});
    const std::string rule = draw.oneOf({"", "", "pilot", "!pilot", "Pilot"});
    const bool isPilot = draw.upTo(1) == 1;
    BoardFacts board = {};
    board.product = "a";
    board.version = running.c_str();
    board.chip = "esp32";
    board.slotBytes = draw.upTo(3) == 0 ? 0 : 1000 + draw.upTo(2);
    board.maxImageBytes = 1000 + draw.upTo(2);
    board.securityFloor = draw.upTo(2);
    board.labelRule = rule.c_str();
    board.isKnownBad = draw.upTo(3) == 0;
    board.nowS = draw.upTo(3) == 0 ? 0 : kNowS;
    CheckAnswer offer = {};
    Manifest& manifest = offer.manifest;
    offer.isOffer = true;
    offer.isRollback = draw.upTo(1) == 1;
    std::strcpy(manifest.product, product.c_str());
    std::strcpy(manifest.chip, draw.oneOf({"esp32", "esp32", "esp32", "esp32s3"}).c_str());
    std::strcpy(manifest.version, draw.oneOf({"1.0.0", "1.1.0", "0.9.0", "1.5", "3.0.0"}).c_str());
    manifest.sizeBytes = draw.upTo(4) == 0 ? 287 : 999 + draw.upTo(3);
    manifest.securityVersion = draw.upTo(2) == 0 ? 1000 + draw.upTo(4) : draw.upTo(3);
    std::strcpy(manifest.createdAt,
                draw.oneOf({"2026-11-23T12:07:27Z", "2026-11-24T12:07:27Z", "2026-11-24T12:07:28Z"}).c_str());
    std::strcpy(manifest.expiresAt, draw.oneOf({"-", "2026-11-23T12:07:27Z", "2026-11-23T12:07:28Z"}).c_str());

    const LabelList labels(isPilot ? std::vector<std::string>{"pilot"} : std::vector<std::string>{});
    const Error error = validateOffer(board, offer, labels);
    ++seen[nameOf(error)];

    const bool isOutOfDate = board.nowS != 0 && (std::strcmp(manifest.createdAt, "2026-11-24T12:07:28Z") == 0 ||
                                                 std::strcmp(manifest.expiresAt, "2026-11-23T12:07:27Z") == 0);
    const std::pair<Error, bool> rules[] = {
        {Error::product, product != "a"},
        {Error::chip, std::strcmp(manifest.chip, "esp32") != 0},
        {Error::version_invalid, std::strcmp(manifest.version, "1.5") == 0},
        {Error::downgrade, !offer.isRollback && running != "dev" && isSemver(manifest.version) &&
                               compareSemver(manifest.version, running.c_str()) <= 0},
        {Error::label, rule == "Pilot" || (rule == "pilot" && !isPilot) || (rule == "!pilot" && isPilot)},
        {Error::no_ota_slot, board.slotBytes == 0},
        {Error::size, manifest.sizeBytes < kMinImageBytes || manifest.sizeBytes > board.slotBytes ||
                          manifest.sizeBytes > board.maxImageBytes},
        {Error::known_bad, board.isKnownBad},
        {Error::security_version, manifest.securityVersion < board.securityFloor ||
                                      manifest.securityVersion - board.securityFloor > kMaxSecurityVersionStep},
        {Error::expired, isOutOfDate},
    };
    Error expected = Error::ok;
    for (const auto& [reason, isBroken] : rules)
      if (expected == Error::ok && isBroken) expected = reason;
    if (error != expected) FAIL(nameOf(error) << " instead of " << nameOf(expected));
  }
  CHECK(seen.size() == 11);
}

TEST_CASE("what the board knows of the time counts where the server says an earlier one, or none") {
  BoardFacts board = {};
  board.product = "a";
  board.version = "1.0.0";
  board.chip = "esp32";
  board.slotBytes = 2000;
  board.maxImageBytes = 2000;
  board.labelRule = "";
  CheckAnswer offer = {};
  offer.isOffer = true;
  Manifest& manifest = offer.manifest;
  std::strcpy(manifest.product, "a");
  std::strcpy(manifest.chip, "esp32");
  std::strcpy(manifest.version, "1.1.0");
  manifest.sizeBytes = 1000;
  std::strcpy(manifest.createdAt, "2026-11-23T12:07:27Z");
  std::strcpy(manifest.expiresAt, "2026-11-30T00:00:00Z");
  const auto says = [&](int64_t serverS, int64_t leastS) {
    board.nowS = serverS;
    board.leastS = leastS;
    return validateOffer(board, offer, LabelList({}));
  };
  constexpr int64_t kExpiresS = 1'795'996'800;
  constexpr int64_t kDayS = 86400;
  CHECK(says(0, 0) == Error::ok);
  CHECK(says(kNowS, 0) == Error::ok);
  CHECK(says(kExpiresS - 1, 0) == Error::ok);
  CHECK(says(kExpiresS, 0) == Error::expired);
  // The server turned the time back; the board has seen a later one.
  CHECK(says(kNowS, kExpiresS) == Error::expired);
  CHECK(says(0, kExpiresS) == Error::expired);
  CHECK(says(0, kExpiresS - 1) == Error::ok);
  // Without a server's time nothing comes from the future: a build is made after the one that runs.
  CHECK(says(0, kNowS - 10 * kDayS) == Error::ok);
  CHECK(says(kNowS - 10 * kDayS, 0) == Error::expired);
  CHECK(says(kNowS - 10 * kDayS, kNowS) == Error::ok);
}
