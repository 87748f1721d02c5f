// The token of a board in NVS: it comes back as it was, a torn write costs at most what is not needed, and what was said
// of one token is not believed of another.

#include "core/memory/device_token.h"

#include <doctest/doctest.h>

#include <regex>
#include <set>
#include <string>

#include "support/memory_store.h"
#include "support/test_system.h"

using namespace otter;
using otter_test::MemoryStore;

namespace {

/** Counts on, so that no two tokens are alike. */
class CountingSystem final : public otter_test::TestSystem {
 public:
  uint32_t random() override { return next_ *= 2654435761U; }

 private:
  uint32_t next_ = 1;
};

constexpr int64_t kNoonS = 1796040000;

DeviceToken loaded(MemoryStore& store) {
  DeviceToken token(store);
  token.load();
  return token;
}

}  // namespace

TEST_CASE("a token is otd_ and 32 random bytes in base64url, and comes back after a restart") {
  MemoryStore store;
  CountingSystem system;
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    DeviceToken token = loaded(store);
    REQUIRE(token.make(system) == Error::ok);
    CHECK(std::regex_match(token.text(), std::regex("otd_[A-Za-z0-9_-]{43}")));
    CHECK(std::string(loaded(store).text()) == token.text());
    CHECK(seen.insert(token.text()).second);
  }
  CHECK(store.blobs.size() == 1);
}

TEST_CASE("without a token nothing is accepted, and it may ask at once") {
  MemoryStore store;
  DeviceToken token = loaded(store);
  CHECK_FALSE(token.isOwn());
  CHECK_FALSE(token.isAccepted());
  CHECK(token.mayAsk(0, 0));
}

TEST_CASE("a token whose blob has one changed bit, or another length, is none") {
  MemoryStore store;
  CountingSystem system;
  DeviceToken token = loaded(store);
  REQUIRE(token.make(system) == Error::ok);
  token.note(TokenState::accepted, 3600, 0, kNoonS);
  REQUIRE(loaded(store).isAccepted());
  for (const auto& [key, blob] : std::map<std::string, std::string>(store.blobs)) {
    CAPTURE(key);
    for (size_t bit = 0; bit < blob.size() * 8; ++bit) {
      store.blobs[key][bit / 8] = static_cast<char>(blob[bit / 8] ^ (1 << (bit % 8)));
      if (loaded(store).isAccepted()) FAIL("bit " << bit);
      store.blobs[key] = blob;
    }
    for (size_t length = 0; length <= blob.size() + 1; ++length) {
      if (length == blob.size()) continue;
      store.blobs[key] = (blob + '\0').substr(0, length);
      CHECK_FALSE(loaded(store).isAccepted());
      store.blobs[key] = blob;
    }
  }
  CHECK(loaded(store).isAccepted());
}

TEST_CASE("what was said of the token before is not said of a new one") {
  MemoryStore store;
  CountingSystem system;
  DeviceToken token = loaded(store);
  REQUIRE(token.make(system) == Error::ok);
  token.note(TokenState::accepted, 3600, 0, kNoonS);
  REQUIRE(token.make(system) == Error::ok);
  CHECK_FALSE(token.isAccepted());
  CHECK_FALSE(loaded(store).isAccepted());
  CHECK(loaded(store).isOwn());
}

TEST_CASE("a token that cannot be stored is not made, and the one before stays") {
  MemoryStore store;
  CountingSystem system;
  DeviceToken token = loaded(store);
  store.tearAt = 0;
  CHECK(token.make(system) == Error::nvs);
  CHECK_FALSE(token.isOwn());
  REQUIRE(token.make(system) == Error::ok);
  const std::string before = token.text();
  store.tearAt = 0;
  CHECK(token.make(system) == Error::nvs);
  CHECK(token.text() == before);
}

TEST_CASE("a torn write of what the server said leaves the token, and asks again with it") {
  for (const int tear : {0, 1, 9, 17}) {
    CAPTURE(tear);
    MemoryStore store;
    CountingSystem system;
    DeviceToken token = loaded(store);
    REQUIRE(token.make(system) == Error::ok);
    const std::string text = token.text();
    store.tearAt = tear;
    token.note(TokenState::accepted, 3600, 0, kNoonS);
    CHECK(token.isAccepted());
    DeviceToken after = loaded(store);
    CHECK(after.text() == text);
    CHECK_FALSE(after.isAccepted());
    CHECK(after.mayAsk(0, kNoonS));
  }
}

TEST_CASE("when to ask again survives a restart, by the clock of the server, and a wrong clock stops no board") {
  MemoryStore store;
  CountingSystem system;
  DeviceToken token = loaded(store);
  REQUIRE(token.make(system) == Error::ok);
  token.note(TokenState::pending, 3600, 5000, kNoonS);
  CHECK_FALSE(token.mayAsk(5000 + 3599000, kNoonS));
  CHECK(token.mayAsk(5000 + 3600000, kNoonS));

  struct Row {
    int64_t serverTimeS;
    bool mayAsk;
  };
  for (const Row& row : {Row{kNoonS + 60, false}, Row{kNoonS + 3600, true}, Row{kNoonS + 86400, true}, Row{0, true},
                         Row{kNoonS - 82800, false}, Row{kNoonS - 82801, true}, Row{1, true}}) {
    CAPTURE(row.serverTimeS);
    DeviceToken after = loaded(store);
    CHECK(after.mayAsk(0, row.serverTimeS) == row.mayAsk);
    // Once counted, a clock that stands still does not keep it waiting.
    CHECK(after.mayAsk(86400000, row.serverTimeS));
  }
}

TEST_CASE("a token that is refused is kept and may ask when the last answer said, and one of another board is not used") {
  MemoryStore store;
  CountingSystem system;
  DeviceToken token = loaded(store);
  REQUIRE(token.make(system) == Error::ok);
  token.note(TokenState::accepted, 3600, 0, kNoonS);
  CHECK_FALSE(token.mayAsk(86400000, kNoonS));
  token.refuse(TokenState::refused);
  CHECK(token.isOwn());
  CHECK_FALSE(token.isAccepted());
  CHECK_FALSE(token.mayAsk(3599999, kNoonS));
  CHECK(token.mayAsk(3600000, kNoonS));
  CHECK_FALSE(loaded(store).isAccepted());
  CHECK(loaded(store).text() == std::string(token.text()));
  token.refuse(TokenState::foreign);
  CHECK_FALSE(token.isOwn());
  CHECK_FALSE(loaded(store).isOwn());
}

TEST_CASE("nothing is written where nothing new was said") {
  MemoryStore store;
  CountingSystem system;
  DeviceToken token = loaded(store);
  REQUIRE(token.make(system) == Error::ok);
  token.note(TokenState::accepted, 3600, 0, kNoonS);
  token.refuse(TokenState::refused);
  store.lastKey.clear();
  for (int i = 0; i < 10; ++i) token.refuse(TokenState::refused);
  for (int i = 0; i < 10; ++i) token.mayAsk(static_cast<uint64_t>(i), kNoonS);
  token.askAt(7);
  CHECK(store.lastKey.empty());
}
