// The life of an update as stories: one device, one server, everything else as on a board. No power is cut here
// (`power_cut_test.cpp`), and no TLS is spoken (tests/client).

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <ostream>
#include <vector>

#include "board/image/image_maker.h"
#include "core/error_table.h"
#include "core/update/update_machine.h"
#include "support/test_device.h"

namespace otter {
std::ostream& operator<<(std::ostream& out, Error error) { return out << nameOf(error); }
std::ostream& operator<<(std::ostream& out, State state) { return out << nameOf(state); }
}  // namespace otter

namespace {

using otter::Error;
using otter::Event;
using testing::TestDevice;

board::Bytes build(const std::string& version, const std::string& script = "healthy", size_t sizeBytes = 16384,
                   uint32_t securityVersion = 0) {
  const auto seed = static_cast<uint32_t>(std::hash<std::string>{}(version + script));
  return board::makeImage({"esp32", "greenhouse", version, script, sizeBytes, securityVersion, seed});
}

struct Fixture {
  explicit Fixture(const board::BoardOptions& options = board::smallBoard()) : device(options) {
    device.board.flashByCable(build("1.0.0"));
  }

  /** Offers a build and runs until nothing is left to do. */
  void update(const std::string& version, const std::string& script = "healthy") {
    device.server.offer({version, build(version, script)});
    REQUIRE_MESSAGE(device.runToRest(), device.trouble);
  }

  const testing::ReceivedReport& lastReport() { return device.server.reports().back(); }

  TestDevice device;
};

}  // namespace

TEST_CASE("a good build is downloaded, tried and kept") {
  Fixture f;
  f.update("1.1.0");
  CHECK(f.device.server.lastVersion() == "1.1.0");
  CHECK(f.device.board.slotState(1) == board::SlotState::valid);
  CHECK(f.device.server.finalReportsOf(1) == 1);
  CHECK(f.lastReport().status == "confirmed");
  CHECK(f.device.boots == 2);
  for (const Event event : {Event::offered, Event::download_started, Event::downloaded, Event::installing,
                            Event::trial_started, Event::confirmed})
    CHECK_MESSAGE(f.device.saw(event), otter::nameOf(event));
}

TEST_CASE("a check-in tells how long the board is up, what its heap was before TLS, and when a sleeper asks again") {
  const auto numberIn = [](const std::string& body, const char* path, const char* name) {
    otter::Json root;
    REQUIRE(otter::Json::parse(body.data(), body.size(), root));
    const otter::Json value = path[0] == '\0' ? root.member(name) : root.member(path).member(name);
    uint32_t number = 0;
    return value.toUint32(number) ? static_cast<int64_t>(number) : -1;
  };
  Fixture f;
  board::Surroundings& around = f.device.board.surroundings;
  // TLS takes its share as soon as the connection is open.
  f.device.server.onOpen = [&around] { around.freeHeapBytes = around.largestHeapBlockBytes = 70000; };
  std::vector<int64_t> uptimesS;
  std::vector<uint64_t> expectedS;
  bool isHeapTold = true;
  f.device.stopWhen = [&](otter::Engine&) {
    if (uptimesS.size() < f.device.server.checkIns()) {
      const std::string& body = f.device.server.lastCheckIn();
      uptimesS.push_back(numberIn(body, "boot", "uptime_s"));
      expectedS.push_back(f.device.board.upUs() / 1000000);
      isHeapTold = isHeapTold && numberIn(body, "", "free_heap_bytes") == 200000 &&
                   numberIn(body, "", "largest_block_bytes") == 110000;
    }
    around.freeHeapBytes = 200000;
    around.largestHeapBlockBytes = 110000;
    return false;
  };
  // The report of the crash opens the connection before the check-in.
  f.device.server.offer({"1.1.0", build("1.1.0", "crash")});
  SUBCASE("a board that asks when it is told") {
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    CHECK(numberIn(f.device.server.lastCheckIn(), "", "next_check_s") == -1);
    REQUIRE(uptimesS.size() >= 2);
    for (size_t i = 0; i < uptimesS.size(); ++i) CHECK(std::abs(uptimesS[i] - static_cast<int64_t>(expectedS[i])) <= 1);
    CHECK(isHeapTold);
  }
  SUBCASE("a board that sleeps") {
    f.device.settings.nextCheckS = 86400;
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    CHECK(numberIn(f.device.server.lastCheckIn(), "", "next_check_s") == 86400);
  }
}

TEST_CASE("a second update goes into the first slot") {
  Fixture f;
  f.update("1.1.0");
  f.update("1.2.0");
  CHECK(f.device.board.runningSlot() == 0);
  CHECK(f.device.server.lastVersion() == "1.2.0");
}

TEST_CASE("a build that fails on trial is left, reported with its cause, and refused from then on") {
  struct Row {
    const char* script;
    Error cause;
  };
  for (const Row& row : {Row{"crash", Error::crash}, Row{"crash-at-health", Error::crash}, Row{"hang", Error::watchdog},
                         Row{"no-network", Error::trial_timeout}, Row{"self-test", Error::self_test}}) {
    CAPTURE(row.script);
    Fixture f;
    f.update("1.1.0", row.script);
    CHECK(f.device.server.lastVersion() == "1.0.0");
    CHECK(f.device.server.finalReportsOf(1) == 1);
    CHECK(f.lastReport().status == "rolled_back");
    CHECK(f.lastReport().error == otter::nameOf(row.cause));
    CHECK(f.device.saw(Event::rolled_back, row.cause));
    CHECK(std::string(testing::readJournal().leftVersion) == "1.1.0");

    // A server that offers the same image again, whatever it was told.
    f.device.server.offer({"1.1.0", build("1.1.0", row.script)});
    const uint64_t sentBefore = f.device.server.sentImageBytes();
    if (row.cause == Error::trial_timeout) continue;
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    CHECK(f.lastReport().error == "known_bad");
    CHECK(f.device.server.sentImageBytes() == sentBefore);
  }
}

namespace {

/** Restarts the board, offers under the number of the attempt before, and sees it refuse three times without a
 * download. */
void checkRefusedAgain(Fixture& f) {
  const uint64_t sentBefore = f.device.server.sentImageBytes();
  const uint64_t checksBefore = f.device.server.checkIns();
  f.device.server.offerAgain();
  f.device.stopWhen = [&](otter::Engine&) {
    if (f.device.server.checkIns() < checksBefore + 3) f.device.server.offerAgain();
    return f.device.server.checkIns() >= checksBefore + 3;
  };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  f.device.stopWhen = [](otter::Engine&) { return false; };
  CHECK(f.device.events.back().error == Error::known_bad);
  CHECK(f.lastReport().error == "known_bad");
  CHECK(f.device.server.sentImageBytes() == sentBefore);
}

}  // namespace

TEST_CASE("a build that an operator cleared on this board is tried once more for each assignment") {
  for (const char* script : {"crash", "self-test", "no-network"}) {
    CAPTURE(script);
    Fixture f;
    const board::Bytes image = build("1.1.0", script);
    testing::rememberFailures(image, otter::kKnownBadFailures);
    f.device.server.forgivenAttempt = UINT64_MAX;
    for (uint64_t attempt = 1; attempt <= 2; ++attempt) {
      f.update("1.1.0", script);
      CHECK(f.device.server.attempts() == attempt);
      CHECK(f.lastReport().status == "rolled_back");
      CHECK(f.device.server.sentImageBytes() == attempt * image.size());
      CHECK(testing::readJournal().failuresOf(testing::sha256Of(image).data()) >= otter::kKnownBadFailures);
      checkRefusedAgain(f);
    }
  }
}

TEST_CASE("a build that an operator cleared and that works is kept, and nothing is held against it") {
  Fixture f;
  testing::rememberFailures(build("1.1.0"), otter::kKnownBadFailures);
  f.device.server.forgivenAttempt = 1;
  f.update("1.1.0");
  CHECK(f.device.server.lastVersion() == "1.1.0");
  CHECK(f.lastReport().status == "confirmed");
  CHECK(testing::readJournal().failuresOf(testing::sha256Of(build("1.1.0")).data()) == 0);
}

TEST_CASE("what an operator cleared waits for the application, and is not used up by that") {
  Fixture f;
  testing::rememberFailures(build("1.1.0"), otter::kKnownBadFailures);
  f.device.server.forgivenAttempt = 1;
  int asked = 0;
  f.device.canUpdate = [&asked] { return ++asked < 4 ? "the battery is low" : nullptr; };
  f.update("1.1.0");
  CHECK(asked == 4);
  CHECK(f.device.server.lastVersion() == "1.1.0");
}

TEST_CASE("a chip that locked up has crashed, and a supply that jumped is no fault of the build") {
  struct Row {
    const char* script;
    const char* reason;
    Error cause;
  };
  for (const Row& row : {Row{"lock-up", "cpu_lockup", Error::crash}, Row{"power-glitch", "pwr_glitch", Error::power}}) {
    CAPTURE(row.script);
    Fixture f;
    f.device.server.offer({"1.1.0", build("1.1.0", row.script)});
    f.device.stopWhen = [&f](otter::Engine&) { return f.device.server.finalReportsOf(1) > 0; };
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    bool isToldSo = false;
    for (const auto& report : f.device.server.reports())
      isToldSo = isToldSo || (report.status == "rolled_back" && report.error == otter::nameOf(row.cause));
    CHECK(isToldSo);
    const std::string told = std::string(R"("reason":")") + row.reason + '"';
    CHECK(f.device.server.lastCheckIn().find(told) != std::string::npos);
  }
}

TEST_CASE("a better build follows one that failed") {
  Fixture f;
  f.update("1.1.0", "crash");
  f.update("1.1.1");
  CHECK(f.device.server.lastVersion() == "1.1.1");
  CHECK(testing::readJournal().leftVersion[0] == '\0');
}

TEST_CASE("a trial that meets a server that is down is not the fault of the build, when the old build meets it too") {
  Fixture f;
  int failuresHeldAgainstIt = -1;
  // Down from the start of the new build until the old one has asked in vain.
  f.device.onBoot = [&f] { f.device.server.isDown = f.device.boots == 2 || f.device.boots == 3; };
  f.device.stopWhen = [&](otter::Engine& engine) {
    if (f.device.boots == 3 && f.device.server.isDown && engine.status().lastError == Error::connect) {
      failuresHeldAgainstIt = testing::readJournal().failuresOf(testing::readJournal().sha256);
      f.device.server.isDown = false;
    }
    return false;
  };
  f.device.server.offer({"1.1.0", build("1.1.0")});
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.server.reports().at(3).status == "rolled_back");
  CHECK(f.device.server.reports().at(3).error == "connect");
  CHECK(failuresHeldAgainstIt == 0);
  // So it is offered again, and kept.
  CHECK(f.device.server.lastVersion() == "1.1.0");
}

TEST_CASE("without a rollback of the bootloader the library goes back by itself") {
  board::BoardOptions options = board::smallBoard();
  options.bootloader = board::BootloaderKind::no_rollback;
  for (const char* script : {"crash-at-health", "no-network", "self-test"}) {
    CAPTURE(script);
    Fixture f(options);
    f.update("1.1.0", script);
    CHECK(f.device.server.lastVersion() == "1.0.0");
    CHECK(f.device.server.finalReportsOf(1) == 1);
    CHECK(f.lastReport().status == "rolled_back");
    CHECK(testing::readJournal().cannotRollBack);
  }
  Fixture f(options);
  f.update("1.1.0");
  CHECK(f.device.server.lastVersion() == "1.1.0");
}

TEST_CASE("a table with one slot checks in and never installs") {
  board::BoardOptions options = board::smallBoard();
  options.slotCount = 1;
  Fixture f(options);
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.device.stopWhen = [&f](otter::Engine&) { return f.device.saw(Event::rejected, Error::no_ota_slot); };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.board.runningSlot() == 0);
  CHECK(f.device.server.sentImageBytes() == 0);
}

TEST_CASE("a broken download goes on where it stopped") {
  Fixture f;
  f.device.server.breakAfterBytes = 9000;
  f.update("1.1.0");
  CHECK(f.device.server.lastVersion() == "1.1.0");
  CHECK(f.device.saw(Event::download_interrupted, Error::connection_lost));
  // Of the piece that broke, at most 4 KiB come twice.
  const size_t sizeBytes = build("1.1.0").size();
  CHECK(f.device.server.sentImageBytes() < 2 * sizeBytes);
  CHECK(f.device.server.sentImageBytes() > sizeBytes);
}

TEST_CASE("a build waits for a quiet moment, and at most as long as it may be put off") {
  Fixture f;
  bool isIdle = false;
  f.device.isIdle = [&isIdle] { return isIdle; };
  f.device.settings.longestDeferralS = 3600;
  f.device.server.offer({"1.1.0", build("1.1.0")});
  const uint64_t startedUs = f.device.board.clock.nowUs();
  SUBCASE("the moment comes") {
    f.device.stopWhen = [&](otter::Engine& engine) {
      if (engine.status().state == otter::State::staged && f.device.server.checkIns() > 5) isIdle = true;
      return false;
    };
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    CHECK(f.device.board.clock.nowUs() - startedUs < 3600ULL * 1000000);
  }
  SUBCASE("the moment does not come") {
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    CHECK(f.device.board.clock.nowUs() - startedUs > 3600ULL * 1000000);
  }
  CHECK(f.device.server.lastVersion() == "1.1.0");
}

TEST_CASE("a board that waits for its own hours goes on asking, downloads once and reports no failure") {
  Fixture f;
  // It is noon, and stays so.
  f.device.settings.idleHours = {2, 5, 0};
  f.device.server.offer({"1.1.0", build("1.1.0")});
  std::vector<uint64_t> askedAtS;
  f.device.stopWhen = [&](otter::Engine& engine) {
    if (askedAtS.size() < f.device.server.checkIns()) {
      askedAtS.push_back(f.device.board.clock.nowUs() / 1000000);
      // It may sleep, but for the download.
      CHECK(engine.isBusy() == (askedAtS.size() == 1));
      otter::Json root;
      const std::string& body = f.device.server.lastCheckIn();
      REQUIRE(otter::Json::parse(body.data(), body.size(), root));
      CHECK(root.member("current_version").equals("1.0.0", 5));
      CHECK(root.member("boot").member("state").equals("confirmed", 9));
      CHECK_FALSE(root.member("boot").member("rolled_back_from").isThere());
    }
    return askedAtS.size() == 20;
  };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  // The server says 60 s; a board asks a tenth earlier or later.
  for (size_t i = 2; i < askedAtS.size(); ++i) {
    CHECK(askedAtS[i] - askedAtS[i - 1] >= 53);
    CHECK(askedAtS[i] - askedAtS[i - 1] <= 68);
  }
  CHECK(f.device.server.attempts() == 1);
  CHECK(f.device.server.sentImageBytes() == build("1.1.0").size());
  REQUIRE(f.device.server.reports().size() == 2);
  CHECK(f.lastReport().status == "downloaded");

  SUBCASE("an offer under a new number is told that the image is here") {
    f.device.server.offer({"1.1.0", build("1.1.0")});
    f.device.stopWhen = [&f](otter::Engine&) { return f.device.server.checkIns() >= 25; };
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    REQUIRE(f.device.server.reports().size() == 3);
    CHECK(f.lastReport().status == "downloaded");
    CHECK(f.lastReport().assignmentId == 2);
    CHECK(f.device.server.sentImageBytes() == build("1.1.0").size());
  }
  SUBCASE("its hours come") {
    f.device.server.date = "Mon, 23 Nov 2026 03:00:00 GMT";
    f.device.stopWhen = [](otter::Engine&) { return false; };
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    CHECK(f.device.server.lastVersion() == "1.1.0");
    CHECK(f.device.server.sentImageBytes() == build("1.1.0").size());
  }
}

TEST_CASE("a build that waits survives a restart, and is installed only after the server offered it again") {
  Fixture f;
  f.device.settings.appliesByHand = true;
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.device.stopWhen = [](otter::Engine& engine) { return engine.status().state == otter::State::staged; };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  const uint64_t sentBefore = f.device.server.sentImageBytes();
  SUBCASE("it is offered again: no second download") {
    f.device.settings.appliesByHand = false;
    f.device.stopWhen = [](otter::Engine&) { return false; };
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    CHECK(f.device.server.lastVersion() == "1.1.0");
    CHECK(f.device.server.sentImageBytes() == sentBefore);
  }
  SUBCASE("it is not offered any more: it stays where it is") {
    f.device.server.withdraw();
    f.device.settings.appliesByHand = false;
    f.device.stopWhen = [&f](otter::Engine&) { return f.device.server.checkIns() > 6; };
    REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
    CHECK(f.device.server.lastVersion() == "1.0.0");
  }
  SUBCASE("another one is offered: that one is installed") {
    f.device.settings.appliesByHand = false;
    f.device.stopWhen = [](otter::Engine&) { return false; };
    f.update("1.2.0");
    CHECK(f.device.server.lastVersion() == "1.2.0");
  }
}

namespace {

using otter::State;

constexpr const char* kAtNight = R"({"from_minute":120,"duration_min":60,"utc_offset_min":120})";
constexpr const char* kInIt = "Mon, 23 Nov 2026 00:30:00 GMT";

/** Has a build with a window downloaded and the server asked a few times more; then something changes, without a
 * restart. */
void updateAfter(Fixture& f, const std::function<void()>& change) {
  bool isChanged = false;
  f.device.server.installWindow = kAtNight;
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.device.stopWhen = [&](otter::Engine& engine) {
    if (isChanged || engine.status().state != State::staged || f.device.server.checkIns() <= 6) return false;
    CHECK_FALSE(f.device.saw(Event::installing));
    CHECK(f.device.boots == 1);
    change();
    isChanged = true;
    return false;
  };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(isChanged);
  CHECK(f.device.server.lastVersion() == "1.1.0");
  CHECK(f.lastReport().status == "confirmed");
  CHECK(f.device.server.attempts() == 1);
  CHECK(f.device.server.sentImageBytes() == build("1.1.0").size());
}

/** The same, up to where it waits; the next run is a restart. */
void waitForWindow(Fixture& f, const char* window = kAtNight) {
  f.device.server.installWindow = window;
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.device.stopWhen = [&f](otter::Engine& engine) {
    return engine.status().state == State::staged && f.device.server.checkIns() > 6;
  };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.saw(Event::downloaded));
  CHECK_FALSE(f.device.saw(Event::installing));
  f.device.stopWhen = [](otter::Engine&) { return false; };
}

}  // namespace

TEST_CASE("a build with a window of the server is downloaded at once, and installed when the window is open") {
  Fixture f;
  updateAfter(f, [&f] { f.device.server.date = kInIt; });
}

TEST_CASE("a build that waits for its window survives a restart, and waits on") {
  Fixture f;
  waitForWindow(f);
  f.device.stopWhen = [&f](otter::Engine&) { return f.device.server.checkIns() > 12; };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.boots == 2);
  CHECK_FALSE(f.device.saw(Event::installing));
  f.device.stopWhen = [](otter::Engine&) { return false; };
  f.device.server.date = kInIt;
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.server.lastVersion() == "1.1.0");
  CHECK(f.device.server.sentImageBytes() == build("1.1.0").size());
}

TEST_CASE("a window that opens between two checks is not missed") {
  Fixture f;
  waitForWindow(f);
  const uint64_t checksBefore = f.device.server.checkIns();
  // 20 seconds before it opens; the next check would be in a minute.
  f.device.server.date = "Sun, 22 Nov 2026 23:59:40 GMT";
  f.device.stopWhen = [&f](otter::Engine&) { return f.device.saw(Event::installing); };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.saw(Event::installing));
  CHECK(f.device.server.checkIns() == checksBefore + 1);
}

TEST_CASE("a window of the server is not overridden") {
  Fixture f;
  SUBCASE("by the longest deferral") { f.device.settings.longestDeferralS = 60; }
  SUBCASE("by the idle hours of the sketch") { f.device.settings.idleHours = {11, 13, 0}; }
  waitForWindow(f);
}

TEST_CASE("while nobody has told the time, a window of the server is closed, whatever its hours") {
  Fixture f;
  f.device.server.date = "";
  waitForWindow(f, R"({"from_minute":0,"duration_min":1440,"utc_offset_min":0})");
}

TEST_CASE("apply() in a closed window of the server installs when it opens") {
  Fixture f;
  f.device.settings.appliesByHand = true;
  f.device.server.installWindow = kAtNight;
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.device.stopWhen = [&f](otter::Engine& engine) {
    if (engine.status().state == State::staged) {
      if (f.device.server.date != kInIt) {
        engine.apply();
        CHECK_FALSE(engine.isBusy());
      }
      // Nobody applies it once more.
      if (f.device.server.checkIns() > 6) f.device.server.date = kInIt;
    }
    return f.device.server.checkIns() <= 6 && f.device.saw(Event::installing);
  };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.server.checkIns() > 6);
  CHECK(f.device.server.lastVersion() == "1.1.0");
}

TEST_CASE("the idle hours and isIdle of the sketch hold inside a window of the server, too") {
  Fixture f;
  f.device.server.date = kInIt;
  SUBCASE("isIdle") {
    bool isIdle = false;
    f.device.isIdle = [&isIdle] { return isIdle; };
    updateAfter(f, [&isIdle] { isIdle = true; });
  }
  SUBCASE("idleHours") {
    f.device.settings.idleHours = {1, 2, 0};
    updateAfter(f, [&f] {
      f.device.server.date = "Mon, 23 Nov 2026 01:30:00 GMT";
      f.device.server.installWindow = R"({"from_minute":0,"duration_min":720,"utc_offset_min":0})";
    });
  }
}

TEST_CASE("the longest deferral overrides the sketch inside a window of the server") {
  Fixture f;
  f.device.isIdle = [] { return false; };
  f.device.settings.longestDeferralS = 60;
  updateAfter(f, [&f] { f.device.server.date = kInIt; });
}

TEST_CASE("the window of the latest offer counts") {
  Fixture f;
  SUBCASE("it went away") {
    updateAfter(f, [&f] { f.device.server.installWindow = ""; });
  }
  SUBCASE("it is another one") {
    updateAfter(f,
                [&f] { f.device.server.installWindow = R"({"from_minute":719,"duration_min":2,"utc_offset_min":0})"; });
  }
}

TEST_CASE("an answer that cannot be read leaves the window as it was") {
  Fixture f;
  waitForWindow(f);
  f.device.stopWhen = [&f](otter::Engine& engine) {
    const bool isStaged = engine.status().state == State::staged;
    // Only now, because after a restart the server has to offer the build again first.
    if (isStaged && f.device.server.checkIns() > 9) f.device.server.garbles = true;
    return f.device.server.checkIns() > 12;
  };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK_FALSE(f.device.saw(Event::installing));
}

TEST_CASE("a build that waits for its window is dropped when it is not offered any more") {
  Fixture f;
  waitForWindow(f);
  f.device.server.withdraw();
  f.device.server.date = kInIt;
  f.device.stopWhen = [&f](otter::Engine&) { return f.device.server.checkIns() > 10; };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK_FALSE(f.device.saw(Event::installing));
}

TEST_CASE("an offer with a window that cannot be read is refused") {
  Fixture f;
  f.device.server.installWindow = R"({"from_minute":1440,"duration_min":60,"utc_offset_min":0})";
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.device.stopWhen = [&f](otter::Engine&) { return f.device.saw(Event::rejected, Error::manifest_syntax); };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.server.sentImageBytes() == 0);
}

TEST_CASE("the application may put an offer off") {
  Fixture f;
  int asked = 0;
  f.device.canUpdate = [&asked] { return ++asked < 3 ? "the battery is low" : nullptr; };
  f.update("1.1.0");
  CHECK(asked == 3);
  CHECK(f.device.saw(Event::deferred, Error::deferred));
  CHECK(f.device.server.lastVersion() == "1.1.0");
  // Putting off is no failure: it is held against nobody.
  CHECK(f.device.server.attempts() == 1);
}

TEST_CASE("the server is told why the application put an offer off, until it takes it") {
  Fixture f;
  f.device.server.moreOfOffer = R"(,"optional":true)";
  std::vector<std::string> told;
  f.device.canUpdate = [&]() -> const char* {
    told.push_back(f.device.server.lastCheckIn());
    return told.size() < 3 ? "somebody is \"cooking\"" : nullptr;
  };
  f.update("1.1.0");
  REQUIRE(told.size() == 3);
  CHECK(told[0].find("postponed") == std::string::npos);
  const std::string expected = R"("postponed":{"assignment_id":1,"reason":"somebody is \"cooking\""})";
  CHECK(told[1].find(expected) != std::string::npos);
  CHECK(told[2].find(expected) != std::string::npos);
  CHECK(f.device.server.lastCheckIn().find("postponed") == std::string::npos);
}

TEST_CASE("an offer that was optional for long enough does not wait for the application") {
  Fixture f;
  f.device.server.moreOfOffer = R"(,"forced":true)";
  bool wasAsked = false;
  f.device.canUpdate = [&] {
    wasAsked = true;
    return "never";
  };
  f.update("1.1.0");
  CHECK_FALSE(wasAsked);
  CHECK(f.device.server.lastVersion() == "1.1.0");
}

TEST_CASE("flash that refuses is reported, and the running build stays") {
  Fixture f;
  f.device.server.offer({"1.1.0", build("1.1.0")});
  SUBCASE("erase") { f.device.board.flash.faults.erase = true; }
  SUBCASE("program") { f.device.board.flash.faults.program = true; }
  f.device.stopWhen = [&f](otter::Engine&) { return f.device.server.attempts() >= 3; };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.board.runningSlot() == 0);
  CHECK(f.device.server.reports().size() > 1);
  for (const auto& report : f.device.server.reports())
    if (report.status == "failed") CHECK((report.error == "flash_erase" || report.error == "flash_write"));
}

TEST_CASE("the floor of the security version rises when a build is kept, and only then") {
  Fixture f;
  f.device.server.offer({"1.1.0", build("1.1.0", "healthy", 16384, 5), 5});
  REQUIRE(f.device.runToRest());
  CHECK(testing::readJournal().securityFloor == 5);
  f.device.server.offer({"1.2.0", build("1.2.0", "crash", 16384, 9), 9});
  REQUIRE(f.device.runToRest());
  CHECK(testing::readJournal().securityFloor == 5);
  f.device.server.offer({"1.3.0", build("1.3.0", "healthy", 16384, 4), 4});
  f.device.stopWhen = [&f](otter::Engine&) { return f.device.saw(Event::rejected, Error::security_version); };
  REQUIRE(f.device.runToRest());
  CHECK(f.device.server.lastVersion() == "1.1.0");
}

TEST_CASE("a board whose memory was erased on trial still decides") {
  Fixture f;
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.device.onBoot = [&f] {
    if (f.device.board.runningSlot() == 1) f.device.board.nvs.eraseAll();
  };
  REQUIRE_MESSAGE(f.device.runToRest(), f.device.trouble);
  CHECK(f.device.server.lastVersion() == "1.1.0");
  CHECK(f.device.board.slotState(1) == board::SlotState::valid);
}
