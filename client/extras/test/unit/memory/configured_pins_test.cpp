// Pins that came by a configuration: the shared vector is taken, whatever differs from it is not, and no write that is
// torn costs more than the pins that it would have brought.

#include "core/memory/configured_pins.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "support/memory_store.h"
#include "support/vectors.h"

using namespace otter;
using otter_test::MemoryStore;

namespace {

constexpr uint32_t kSequence = 1787392800;
constexpr int64_t kExpiresS = 1818928800;

struct Board {
  MemoryStore store;
  vectors::File file{"configuration.json"};
  std::string pem = vectors::text(file.member("public_key_pem"));
  const char* pems[2] = {pem.c_str(), vectors::kOtherKey};
  ConfigurationFacts facts = {"greenhouse", {pems, 1, 1}, 0, 0};
  ConfiguredPins pins{store};
  bool isNew = false;

  Json signedOne() { return file.member("configuration"); }
  Error take(const Json& value) { return pins.take(value, facts, isNew); }
  Error takeText(const std::string& text) {
    Json root;
    REQUIRE(Json::parse(text.data(), text.size(), root));
    return take(root);
  }
  /** As after a restart. */
  ConfiguredPins reloaded(const ReleaseKeys& keys, const char* product = "greenhouse") {
    ConfiguredPins again(store);
    again.load(product, keys);
    return again;
  }
};

/** The vector as text, with one part in place of another. */
std::string changed(const std::string& from, const std::string& to) {
  std::string text =
      R"({"format":"otter-config/1","product":"greenhouse","sequence":1787392800,"pins":[)"
      R"("spki:247610f4dedd4ab7247d07dbda19c81ca9817f85820742cad49d407ffae9e4ed",)"
      R"("spki:54d00d867758cef816bc4685f58e327b949712b07ebd17c3485f3ffc9e9f5133"],)"
      R"("expires_at":"2027-08-22T10:00:00Z","signatures":[{"key_id":"2f9899b0cb350685","signature":")" +
      vectors::text(vectors::File("configuration.json").member("configuration").member("signatures").firstElement(),
                    "signature") +
      R"("}]})";
  if (from.empty()) return text;
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("the configuration of the shared vector is taken, once, and is there after a restart") {
  Board board;
  Configuration read;
  REQUIRE(readConfiguration(board.signedOne(), read) == Error::ok);
  char text[kConfigurationTextBytes];
  CHECK(std::string(text, writeCanonicalText(read, text)) == vectors::text(board.file.member("canonical_text")));
  REQUIRE(board.take(board.signedOne()) == Error::ok);
  CHECK(board.isNew);
  CHECK(board.pins.count() == 2);
  CHECK(board.pins.sequence() == kSequence);
  CHECK(board.takeText(changed("", "")) == Error::ok);
  CHECK_FALSE(board.isNew);
  const ConfiguredPins again = board.reloaded({board.pems, 2, 1});
  CHECK(again.sequence() == kSequence);
  REQUIRE(again.count() == 2);
  CHECK(std::memcmp(again.pins()[1].sha256, board.pins.pins()[1].sha256, 32) == 0);
}

TEST_CASE("what differs from it is not taken, and says why") {
  struct Row {
    Error error;
    const char* from;
    const char* to;
  };
  const Row rows[] = {
      {Error::configuration, "otter-config/1", "otter-config/2"},
      {Error::configuration, R"("sequence":1787392800)", R"("sequence":0)"},
      {Error::configuration, R"("sequence":1787392800)", R"("sequence":4294967296)"},
      {Error::configuration, R"("sequence":1787392800,)", ""},
      {Error::configuration, "spki:2476", "cert:2476"},
      {Error::configuration, "spki:2476", "spki:247"},
      {Error::configuration, "spki:24761", "spki:2476A"},
      {Error::configuration, R"("pins":[)", R"("pins":["spki:2476",)"},
      {Error::configuration, "2027-08-22T10:00:00Z", "2027-08-22"},
      {Error::configuration, R"("expires_at":"2027-08-22T10:00:00Z",)", ""},
      {Error::product, "greenhouse", "acme-lamp"},
      {Error::signature, R"("sequence":1787392800)", R"("sequence":1787392801)"},
      {Error::signature, "spki:2476", "spki:2477"},
      {Error::signature, "2027-08-22T10:00:00Z", "2027-08-22T10:00:01Z"},
      {Error::signature, "2027-08-22T10:00:00Z", "-"},
      {Error::signature, "2f9899b0cb350685", "2f9899b0cb350686"},
      {Error::signature, R"("signatures":[)", R"("others":[)"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.from);
    CAPTURE(row.to);
    Board board;
    CHECK(board.takeText(changed(row.from, row.to)) == row.error);
    CHECK_FALSE(board.isNew);
    CHECK(board.pins.count() == 0);
    CHECK(board.store.blobs.empty());
  }
}

TEST_CASE("three pins are too many, and none is too few") {
  Board board;
  const std::string more = R"("pins":["spki:54d00d867758cef816bc4685f58e327b949712b07ebd17c3485f3ffc9e9f5133",)";
  CHECK(board.takeText(changed(R"("pins":[)", more)) == Error::configuration);
  CHECK(board.takeText(R"({"format":"otter-config/1","product":"greenhouse","sequence":5,"pins":[],"expires_at":"-"})") ==
        Error::configuration);
}

TEST_CASE("an expired one is not taken, whatever time the server says; without a time it is") {
  Board board;
  board.facts.nowS = kExpiresS;
  CHECK(board.take(board.signedOne()) == Error::expired);
  board.facts.nowS = kExpiresS - 86400;
  board.facts.leastS = kExpiresS;
  CHECK(board.take(board.signedOne()) == Error::expired);
  board.facts.leastS = 0;
  CHECK(board.take(board.signedOne()) == Error::ok);
}

TEST_CASE("another key, and one where two have to sign, bring nothing") {
  Board board;
  const char* const others[] = {vectors::kOtherKey};
  board.facts.keys = {others, 1, 1};
  CHECK(board.take(board.signedOne()) == Error::signature);
  board.facts.keys = {board.pems, 2, 2};
  CHECK(board.take(board.signedOne()) == Error::signature);
  board.facts.keys = {board.pems, 2, 1};
  CHECK(board.take(board.signedOne()) == Error::ok);
}

TEST_CASE("an older one is refused, also where the pins of the newer one do not hold any more") {
  Board board;
  REQUIRE(board.take(board.signedOne()) == Error::ok);
  const std::string older = changed(R"("sequence":1787392800)", R"("sequence":1787392799)");
  CHECK(board.takeText(older) == Error::sequence);
  CHECK(board.pins.sequence() == kSequence);
  // A sketch with other keys: nobody whom it trusts signed them.
  const char* const others[] = {vectors::kOtherKey};
  board.pins.load("greenhouse", {others, 1, 1});
  CHECK(board.pins.count() == 0);
  CHECK(board.pins.sequence() == 0);
  CHECK(board.takeText(older) == Error::sequence);
}

TEST_CASE("the pins hold only for the product, and for a sketch that would take them") {
  Board board;
  REQUIRE(board.take(board.signedOne()) == Error::ok);
  CHECK(board.reloaded({board.pems, 1, 1}).count() == 2);
  CHECK(board.reloaded({board.pems, 1, 1}, "acme-lamp").count() == 0);
  CHECK(board.reloaded({board.pems, 0, 1}).count() == 0);
  CHECK(board.reloaded({board.pems, 2, 2}).count() == 0);
}

TEST_CASE("a write that fails or is torn changes nothing, and no bit of the blob may differ") {
  Board board;
  board.store.tearAt = 0;
  CHECK(board.take(board.signedOne()) == Error::nvs);
  CHECK(board.pins.count() == 0);
  board.store.tearAt = 40;
  CHECK(board.take(board.signedOne()) == Error::nvs);
  CHECK(board.reloaded({board.pems, 1, 1}).count() == 0);
  REQUIRE(board.take(board.signedOne()) == Error::ok);
  std::string& blob = board.store.blobs.at("pins");
  size_t accepted = 0;
  for (size_t bit = 0; bit < blob.size() * 8; ++bit) {
    blob[bit / 8] = static_cast<char>(blob[bit / 8] ^ (1 << (bit % 8)));
    if (board.reloaded({board.pems, 1, 1}).sequence() != 0) ++accepted;
    blob[bit / 8] = static_cast<char>(blob[bit / 8] ^ (1 << (bit % 8)));
  }
  CHECK(accepted == 0);
  CHECK(board.reloaded({board.pems, 1, 1}).count() == 2);
}
