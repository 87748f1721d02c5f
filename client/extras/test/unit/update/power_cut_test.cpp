// The power goes at every operation of flash and journal, with four ways of tearing it, while a build is installed and
// kept, while one fails its trial, while one that failed is followed by a better one, and while the board gets a token of
// its own. After each cut the board starts again and runs until nothing is left to do.
//
// Never: a board without a bootable image, a start of an image that is neither the old nor the new one, a security
// floor that fell, two final reports of one attempt, a journal that stops the next update, a check-in that the server
// does not take, a second token of one board. `OTTER_NIGHTLY=1` tears
// each of them in all four ways, and adds an image of 1 MiB and 2000 random pairs of cuts.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

#include "board/image/image_maker.h"
#include "support/test_device.h"

namespace {

using board::Tear;
using testing::TestDevice;

constexpr Tear kTears[] = {Tear::before, Tear::partial, Tear::after, Tear::garbage};

struct Scenario {
  const char* name;
  const char* script;
  size_t sizeBytes;
  board::BootloaderKind bootloader;
  const char* endsOn;
  /** The build is known bad, and its first offers say that an operator cleared it. */
  bool isForgiven = false;
};

struct Cut {
  uint64_t operation;
  Tear tear;
};

struct Builds {
  board::Bytes old;
  board::Bytes fresh;
  board::Bytes next;
};

Builds makeBuilds(const Scenario& scenario) {
  const auto image = [&scenario](const char* version, const char* script, uint32_t securityVersion, uint32_t seed) {
    return board::makeImage({"esp32", "greenhouse", version, script, scenario.sizeBytes, securityVersion, seed});
  };
  return {image("1.0.0", "healthy", 1, 1), image("1.1.0", scenario.script, 2, 2), image("1.2.0", "healthy", 3, 3)};
}

/** One life: cut where told, run to rest, then another update. Answers what went wrong; empty: nothing. */
class Life {
 public:
  Life(const Scenario& scenario, const Builds& builds)
      : scenario_(scenario), builds_(builds), device_(options(scenario)) {
    device_.board.flashByCable(builds.old);
    device_.onBoot = [this] { checkBoot(); };
    device_.server.offer({"1.1.0", builds.fresh, 2});
    if (!scenario.isForgiven) return;
    testing::rememberFailures(builds.fresh, otter::kKnownBadFailures);
    device_.server.forgivenAttempt = 1;
  }

  std::string run(const std::vector<Cut>& cuts) {
    cuts_ = cuts;
    nextCut_ = 0;
    armNextCut();
    if (!device_.runToRest()) return device_.trouble;
    if (!wrong_.empty()) return wrong_;
    operations_ = device_.board.operations();
    const std::string ended = checkEnd();
    if (!ended.empty()) return ended;
    device_.board.cutAt(0, Tear::before);
    nextCut_ = cuts_.size();
    device_.server.offer({"1.2.0", builds_.next, 3});
    if (!device_.runToRest()) return "after it, the next update: " + device_.trouble;
    if (device_.server.lastVersion() != "1.2.0") return "after it, the next update was not installed";
    if (!usesItsToken()) return "after it, its token is not used";
    if (device_.server.askedTokens().size() != 1) return "the board made two tokens";
    return wrong_;
  }

  uint64_t operations() const { return operations_; }

 private:
  static board::BoardOptions options(const Scenario& scenario) {
    board::BoardOptions options;
    options.slotBytes = static_cast<uint32_t>((scenario.sizeBytes + 0x10000) & ~0xFFFFU);
    options.bootloader = scenario.bootloader;
    return options;
  }

  /** By itself, and soon. */
  bool usesItsToken() {
    const uint64_t untilUs = device_.board.clock.nowUs() + 3600ULL * 1000000;
    const auto isUsed = [this] { return device_.server.acceptedTokens.count(device_.server.lastToken()) == 1; };
    device_.staysOn = true;
    device_.stopWhen = [&](otter::Engine&) { return isUsed() || device_.board.clock.nowUs() > untilUs; };
    return device_.runToRest() && isUsed();
  }

  /** A cut happens once; the next one is armed at the start after it. */
  void armNextCut() {
    if (nextCut_ < cuts_.size()) device_.board.cutAt(cuts_[nextCut_].operation, cuts_[nextCut_].tear);
  }

  void checkBoot() {
    if (nextCut_ < cuts_.size() && device_.board.operations() >= cuts_[nextCut_].operation) {
      ++nextCut_;
      armNextCut();
    }
    const uint8_t* running = device_.board.slotBytes(device_.board.runningSlot());
    const auto runs = [running](const board::Bytes& image) { return std::equal(image.begin(), image.end(), running); };
    if (!runs(builds_.old) && !runs(builds_.fresh) && !runs(builds_.next))
      wrong_ = "an image was started that nobody built";
    const uint32_t floor = testing::readJournal().securityFloor;
    // One that was kept may start as often as it likes.
    const bool isTried = runs(builds_.fresh) && device_.server.lastVersion() != "1.1.0";
    if (isTried && ++tries_ > 1 && scenario_.isForgiven) wrong_ = "a build that was cleared once was tried twice";
    if (floor < floor_) wrong_ = "the floor fell from " + std::to_string(floor_) + " to " + std::to_string(floor);
    floor_ = std::max(floor_, floor);
  }

  std::string checkEnd() {
    const std::string& version = device_.server.lastVersion();
    // A cut on trial may be the one attempt that it had.
    const bool isRefused =
        scenario_.isForgiven && version == "1.0.0" && device_.server.reports().back().error == "known_bad";
    if (version != scenario_.endsOn && !isRefused) return "it ended on " + version;
    for (uint64_t attempt = 1; attempt <= device_.server.attempts(); ++attempt)
      if (device_.server.finalReportsOf(attempt) > 1) return "two final reports of attempt " + std::to_string(attempt);
    if (device_.server.reports().empty()) return "the server was told nothing";
    return "";
  }

  const Scenario& scenario_;
  const Builds& builds_;
  TestDevice device_;
  std::vector<Cut> cuts_;
  size_t nextCut_ = 0;
  uint32_t floor_ = 0;
  int tries_ = 0;
  uint64_t operations_ = 0;
  std::string wrong_;
};

/** Operations of a life without a cut. */
uint64_t countOperations(const Scenario& scenario, const Builds& builds) {
  Life life(scenario, builds);
  REQUIRE(life.run({}) == "");
  return life.operations();
}

bool isNightly() {
  const char* nightly = std::getenv("OTTER_NIGHTLY");
  return nightly != nullptr && std::strcmp(nightly, "1") == 0;
}

void cutEverywhere(const Scenario& scenario) {
  const Builds builds = makeBuilds(scenario);
  const uint64_t operations = countOperations(scenario, builds);
  CHECK(operations > 10);
  for (uint64_t operation = 1; operation <= operations; ++operation) {
    for (size_t index = 0; index < std::size(kTears); ++index) {
      // By day every operation is cut, and torn in each way at every second one.
      if (!isNightly() && (operation + index) % 2 != 0) continue;
      const Tear tear = kTears[index];
      const std::string wrong = Life(scenario, builds).run({{operation, tear}});
      CHECK_MESSAGE(wrong.empty(), std::string(scenario.name), ", cut at ", operation, " ",
                    std::string(board::nameOf(tear)), ": ", wrong);
    }
  }
  MESSAGE(std::string(scenario.name), ": ", operations, " operations");
}

constexpr auto kRollback = board::BootloaderKind::rollback;
constexpr auto kNoRollback = board::BootloaderKind::no_rollback;
constexpr size_t kSmallBytes = 65536;

const Scenario kScenarios[] = {
    {"a good build is kept", "healthy", kSmallBytes, kRollback, "1.1.0"},
    {"a build crashes", "crash", kSmallBytes, kRollback, "1.0.0"},
    {"a build fails its health check", "self-test", kSmallBytes, kRollback, "1.0.0"},
    {"a build that an operator cleared is kept", "healthy", kSmallBytes, kRollback, "1.1.0", true},
    {"a build that an operator cleared crashes again", "crash", kSmallBytes, kRollback, "1.0.0", true},
    {"a good build is kept, without rollback", "healthy", kSmallBytes, kNoRollback, "1.1.0"},
    {"a build fails its health check, without rollback", "self-test", kSmallBytes, kNoRollback, "1.0.0"},
};

}  // namespace

TEST_CASE("a power cut at any operation, torn in any way, never costs the board") {
  for (const Scenario& scenario : kScenarios) cutEverywhere(scenario);
}

namespace {

/** What leads to an enrolment; each begins with a board that is switched off. */
struct TokenStory {
  const char* name;
  /** Makes the server as it is meant; the board has no token, or one that was accepted two hours ago. */
  void (*begin)(testing::MemoryServer& server);
  bool hasToken;
  size_t tokens;
};

void acceptAll(testing::MemoryServer&) {}
void forgetTokens(testing::MemoryServer& server) { server.acceptedTokens.clear(); }
void takeForAnother(testing::MemoryServer& server) {
  const std::string copied = server.lastToken();
  server.acceptedTokens.clear();
  server.answerInstead = [copied](const std::string&, const std::string& token) {
    return token == copied ? testing::answerOf("403 Forbidden", R"({"error":{"code":"other_board"}})") : std::string();
  };
}

const TokenStory kTokenStories[] = {
    {"the first token", acceptAll, false, 1},
    {"a token that the server has lost", forgetTokens, true, 1},
    {"a token of another board", takeForAnother, true, 2},
};

/** Answers what went wrong; empty: nothing. */
std::string cutEnrolment(const TokenStory& story, uint64_t operation, Tear tear, uint64_t& operations) {
  TestDevice device(board::smallBoard());
  device.board.flashByCable(board::makeImage({"esp32", "greenhouse", "1.0.0", "healthy", 16384, 0, 1}));
  const auto isSettled = [&device](otter::Engine&) { return device.server.acceptedTokens.count(device.server.lastToken()) == 1; };
  device.staysOn = story.hasToken;
  device.stopWhen = isSettled;
  if (story.hasToken && !device.runToRest()) return device.trouble;
  device.server.date = "Mon, 23 Nov 2026 14:00:00 GMT";
  story.begin(device.server);
  const uint64_t before = device.board.operations();
  if (operation > 0) device.board.cutAt(before + operation, tear);
  const int bootsBefore = device.boots;
  device.staysOn = true;
  if (!device.runToRest()) return device.trouble;
  operations = device.board.operations() - before;
  if (operation > 0 && device.boots != bootsBefore + 2) return "the power was not cut";
  // Every check was taken, with one token or the other: no wait is longer than the server says.
  if (device.saw(otter::Event::failed, otter::Error::auth)) return "a check-in was not taken";
  if (device.server.askedTokens().size() > story.tokens) return "the board made a token too many";
  return device.server.askedTokens().size() < story.tokens ? "the board made no new token" : "";
}

}  // namespace

TEST_CASE("a power cut at any operation of an enrolment leaves a board that checks in and enrols") {
  for (const TokenStory& story : kTokenStories) {
    uint64_t operations = 0;
    REQUIRE(cutEnrolment(story, 0, Tear::before, operations) == "");
    CHECK(operations >= 2);
    for (uint64_t operation = 1; operation <= operations; ++operation) {
      for (const Tear tear : kTears) {
        uint64_t ignored = 0;
        const std::string wrong = cutEnrolment(story, operation, tear, ignored);
        CHECK_MESSAGE(wrong.empty(), std::string(story.name), ", cut at ", operation, " ",
                      std::string(board::nameOf(tear)), ": ", wrong);
      }
    }
    MESSAGE(std::string(story.name), ": ", operations, " operations");
  }
}

TEST_CASE("two power cuts never cost the board") {
  const int pairs = isNightly() ? 2000 : 100;
  std::mt19937 random(20261123);
  for (const Scenario& scenario : kScenarios) {
    const Builds builds = makeBuilds(scenario);
    const uint64_t operations = countOperations(scenario, builds);
    for (int pair = 0; pair < pairs / static_cast<int>(std::size(kScenarios)); ++pair) {
      const uint64_t first = 1 + random() % operations;
      const uint64_t second = first + 1 + random() % 12;
      const Cut cuts[] = {{first, kTears[random() % 4]}, {second, kTears[random() % 4]}};
      const std::string wrong = Life(scenario, builds).run({cuts[0], cuts[1]});
      CHECK_MESSAGE(wrong.empty(), std::string(scenario.name), ", cut at ", first, " ",
                    std::string(board::nameOf(cuts[0].tear)), " and ", second, " ",
                    std::string(board::nameOf(cuts[1].tear)), ": ", wrong);
    }
  }
}

TEST_CASE("an image of 1 MiB survives a cut at every operation" * doctest::skip(!isNightly())) {
  cutEverywhere({"an image of 1 MiB is kept", "healthy", 1048576, kRollback, "1.1.0"});
}
