// A board and its tokens as stories: it gets one of its own by itself, uses it for everything, and goes back to the fleet
// token whatever the server says to it. No power is cut here (`power_cut_test.cpp`), and no TLS is spoken (tests/client).

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "board/image/image_maker.h"
#include "core/memory/device_token.h"
#include "hal/esp32.h"
#include "support/test_device.h"

namespace {

using otter::Error;
using otter::Event;
using testing::answerOf;
using testing::TestDevice;

constexpr const char* kCheck = "/api/v1/check-update";
constexpr const char* kEnrol = "/api/v1/enrol";
constexpr const char* kReport = "/api/v1/report-status";
constexpr uint64_t kHourUs = 3600ULL * 1000000;

std::string errorAnswer(const char* status, const char* code) {
  return answerOf(status, std::string(R"({"error":{"code":")") + code + R"(","message":"m","hint":"h","request_id":"r"}})");
}

board::Bytes build(const std::string& version, const std::string& script = "healthy") {
  const auto seed = static_cast<uint32_t>(std::hash<std::string>{}(version + script));
  return board::makeImage({"esp32", "greenhouse", version, script, 16384, 0, seed});
}

board::BoardOptions smallBoard() {
  board::BoardOptions options;
  options.slotBytes = 0x20000;
  return options;
}

struct Fixture {
  Fixture() : device(smallBoard()) { device.board.flashByCable(build("1.0.0")); }

  void rest() { REQUIRE_MESSAGE(device.runToRest(), device.trouble); }

  /** Switches the board on until this is so. */
  void stayOnUntil(const std::function<bool()>& isDone) {
    device.staysOn = true;
    const uint64_t giveUpUs = device.board.clock.nowUs() + 100 * kHourUs;
    bool isLate = false;
    device.stopWhen = [&](otter::Engine&) {
      isLate = device.board.clock.nowUs() > giveUpUs;
      return isLate || isDone();
    };
    rest();
    CHECK_FALSE(isLate);
    device.staysOn = false;
    device.stopWhen = [](otter::Engine&) { return false; };
  }

  /** Until the server has been asked so many times more. */
  void checks(uint64_t count) {
    const uint64_t until = device.server.checkIns() + count;
    stayOnUntil([&] { return device.server.checkIns() >= until; });
  }

  /** Until the clock of the board has gone on so far. */
  void passTime(uint64_t us) {
    const uint64_t untilUs = device.board.clock.nowUs() + us;
    stayOnUntil([&] { return device.board.clock.nowUs() >= untilUs; });
  }

  /** The board is switched on again two hours later. */
  void comeBackLater() { device.server.date = "Mon, 23 Nov 2026 14:00:00 GMT"; }

  /** How the requests for this address went out: `f` with the fleet token, `o` with the own one. */
  std::string tokensOf(const std::string& path) const {
    std::string text;
    for (const auto& [asked, token] : device.server.requests)
      if (asked == path) text += token == device.server.fleetToken ? 'f' : 'o';
    return text;
  }

  /** Which of its two tokens the server does not like, and what it says instead. */
  void answerOwn(const std::string& path, const std::string& answer) {
    device.server.answerInstead = [this, path, answer](const std::string& asked, const std::string& token) {
      return asked == path && token != device.server.fleetToken ? answer : std::string();
    };
  }

  size_t count(Event event) const {
    return static_cast<size_t>(std::count_if(device.events.begin(), device.events.end(),
                                             [event](const testing::ToldEvent& told) { return told.event == event; }));
  }

  TestDevice device;
};

/** What NVS holds. */
otter::DeviceToken storedToken() {
  static otter::Esp32Store store;
  otter::DeviceToken token(store);
  token.load();
  return token;
}

}  // namespace

TEST_CASE("a board enrols by itself after its first check, and uses its own token from then on") {
  Fixture f;
  f.rest();
  CHECK(f.device.server.requests ==
        std::vector<std::pair<std::string, std::string>>{{kCheck, "otf_fleet"}, {kEnrol, "otf_fleet"}});
  CHECK(f.device.saw(Event::enrolled));
  CHECK(storedToken().isAccepted());
  CHECK(f.device.server.acceptedTokens.count(storedToken().text()) == 1);
  f.checks(3);
  CHECK(f.tokensOf(kCheck) == "fooo");
  CHECK(f.device.server.enrolments() == 1);
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.rest();
  CHECK(f.device.server.lastVersion() == "1.1.0");
  // Reports, images and the check on trial too; the new build has the same token.
  for (const auto& [path, token] : f.device.server.requests) {
    if (token == f.device.server.fleetToken) CHECK(&path < &f.device.server.requests[2].first);
  }
  CHECK(f.device.server.lastToken() == storedToken().text());
  CHECK(f.device.server.enrolments() == 1);
}

TEST_CASE("it never enrols while a build is offered, downloaded or on trial") {
  Fixture f;
  f.device.server.offer({"1.1.0", build("1.1.0")});
  bool wasOnTrial = false;
  f.device.stopWhen = [&](otter::Engine& engine) {
    wasOnTrial = wasOnTrial || engine.status().state == otter::State::trial_health;
    if (f.device.server.enrolments() > 0) CHECK(f.device.saw(Event::confirmed));
    return false;
  };
  f.rest();
  CHECK(wasOnTrial);
  CHECK(f.device.server.enrolments() == 1);
  CHECK(f.tokensOf(kReport).find('o') == std::string::npos);
}

TEST_CASE("a board that puts offers off, or refuses them, enrols all the same") {
  Fixture f;
  SUBCASE("puts off") {
    f.device.canUpdate = [] { return "somebody is cooking"; };
  }
  SUBCASE("refuses") { f.device.server.chip = "esp32c3"; }
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.checks(3);
  CHECK(f.device.server.enrolments() == 1);
  CHECK(f.tokensOf(kCheck) == "foo");
}

TEST_CASE("a board whose image waits enrols when the server stops to offer it") {
  Fixture f;
  f.device.isIdle = [] { return false; };
  f.device.server.offer({"1.1.0", build("1.1.0")});
  f.checks(3);
  CHECK(f.device.server.enrolments() == 0);
  f.device.server.withdraw();
  f.checks(2);
  CHECK(f.device.server.enrolments() == 1);
}

TEST_CASE("where a person has to accept it, it asks once an hour with the same token") {
  Fixture f;
  f.device.server.enrolmentState = "pending";
  f.passTime(10 * kHourUs + kHourUs / 2);
  CHECK(f.device.server.enrolments() >= 10);
  CHECK(f.device.server.enrolments() <= 11);
  CHECK(f.device.server.askedTokens().size() == 1);
  CHECK(f.tokensOf(kCheck).find('o') == std::string::npos);
  const std::string line =
      "enrolment waits for a person: npx otter device accept 24:6f:28:00:00:01. Until then it goes on with the fleet "
      "token";
  CHECK(std::count(f.device.lines.begin(), f.device.lines.end(), line) == static_cast<long>(f.device.server.enrolments()));
  f.device.server.enrolmentState = "accepted";
  f.passTime(2 * kHourUs);
  CHECK(f.device.saw(Event::enrolled));
  CHECK(f.device.server.askedTokens().size() == 1);
  CHECK(f.device.server.lastToken() == storedToken().text());
}

TEST_CASE("a board that sleeps and waits for a person does not ask with every start") {
  Fixture f;
  f.device.server.enrolmentState = "pending";
  for (int wake = 0; wake < 8; ++wake) {
    // Every six minutes.
    f.device.server.date = "Mon, 23 Nov 2026 12:" + std::to_string(10 + 6 * wake) + ":00 GMT";
    f.checks(1);
    f.passTime(2000000);
  }
  CHECK(f.device.server.enrolments() == 1);
  f.device.server.date = "Mon, 23 Nov 2026 13:11:00 GMT";
  f.checks(1);
  f.passTime(2000000);
  CHECK(f.device.server.enrolments() == 2);
}

TEST_CASE("a server without device tokens is asked once a day, and nobody is bothered with it") {
  Fixture f;
  f.device.server.answerInstead = [](const std::string& path, const std::string&) {
    return path == kEnrol ? errorAnswer("404 Not Found", "not_found") : std::string();
  };
  f.passTime(50 * kHourUs);
  CHECK(f.tokensOf(kEnrol) == "fff");
  CHECK(f.tokensOf(kCheck).find('o') == std::string::npos);
  for (const Event event : {Event::enrolment_failed, Event::enrolment_pending, Event::failed})
    CHECK_MESSAGE(!f.device.saw(event), otter::nameOf(event));
}

namespace {

struct Hostility {
  const char* name;
  std::string answer;
};

/** Everything but a plain answer. */
std::vector<Hostility> hostilities() {
  return {
      {"500", answerOf("500 Internal Server Error", "{}")},
      {"400", answerOf("400 Bad Request", "")},
      {"404", answerOf("404 Not Found", "{}")},
      {"401 without a body", answerOf("401 Unauthorized", "")},
      {"401 with garbage", answerOf("401 Unauthorized", "\x1b[31m<html>")},
      {"401 with a code that nobody knows", errorAnswer("401 Unauthorized", "go_away")},
      {"token_invalid", errorAnswer("401 Unauthorized", "token_invalid")},
      {"token_revoked", errorAnswer("401 Unauthorized", "token_revoked")},
      {"other_board", errorAnswer("403 Forbidden", "other_board")},
      {"not_this_board", errorAnswer("403 Forbidden", "not_this_board")},
      {"wrong_scope", errorAnswer("403 Forbidden", "wrong_scope")},
      {"a redirect", "HTTP/1.1 302 Found\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n"},
      {"no HTTP", "hello\r\n\r\n"},
      {"an endless head", "HTTP/1.1 200 OK\r\nX: " + std::string(6000, 'x')},
      {"no JSON", answerOf("200 OK", "<html>")},
      {"JSON that is no object", answerOf("200 OK", "[1]")},
      {"an object without a word", answerOf("200 OK", "{}")},
      {"a state that nobody knows", answerOf("200 OK", R"({"state":"maybe"})")},
      {"a state that is a number", answerOf("200 OK", R"({"state":1})")},
      {"a huge answer", answerOf("200 OK", std::string(100000, ' '))},
      {"a huge refusal", answerOf("401 Unauthorized", std::string(100000, ' '))},
      {"a huge code", errorAnswer("403 Forbidden", std::string(3000, 'x').c_str())},
      {"half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"state\":"},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n"},
      {"503", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"},
      {"429", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"},
      {"nothing at all", "hang up"},
  };
}

}  // namespace

TEST_CASE("whatever the server says to an enrolment, the board goes on checking in, updates, and enrols in the end") {
  for (const Hostility& hostility : hostilities()) {
    CAPTURE(std::string(hostility.name));
    Fixture f;
    f.device.server.answerInstead = [&](const std::string& path, const std::string&) {
      return path == kEnrol ? hostility.answer : std::string();
    };
    f.passTime(5 * kHourUs);
    // The server says 60 s; a board asks a tenth earlier or later.
    CHECK(f.device.server.checkIns() > 5 * 50);
    CHECK(f.device.server.enrolments() == 0);
    CHECK(f.tokensOf(kEnrol).find('o') == std::string::npos);
    CHECK(f.tokensOf(kEnrol).size() <= 120);
    CHECK_FALSE(f.device.saw(Event::enrolled));
    CHECK_FALSE(storedToken().isAccepted());
    CHECK(f.count(Event::failed) == 0);
    f.device.server.offer({"1.1.0", build("1.1.0")});
    f.rest();
    CHECK(f.device.server.lastVersion() == "1.1.0");
    f.device.server.answerInstead = [](const std::string&, const std::string&) { return std::string(); };
    f.passTime(25 * kHourUs);
    CHECK(f.device.saw(Event::enrolled));
    CHECK(f.device.server.askedTokens().size() == 1);
  }
}

TEST_CASE("whatever the server says to the own token, the board is heard with the fleet token and comes back to its own") {
  for (const Hostility& hostility : hostilities()) {
    CAPTURE(std::string(hostility.name));
    const std::string name = hostility.name;
    Fixture f;
    f.rest();
    REQUIRE(storedToken().isAccepted());
    f.passTime(2 * kHourUs);
    const uint64_t before = f.device.server.checkIns();
    f.answerOwn(kCheck, hostility.answer);
    f.passTime(12 * kHourUs);
    CHECK(f.device.server.checkIns() > before + 5);
    // What is an answer, and not that there is no time: in the same check, so that none was lost.
    const bool isLater = name == "503" || name == "429" || name == "nothing at all" || name == "half an answer" ||
                         name == "an object without a word" || name.rfind("a state", 0) == 0;
    if (!isLater) CHECK(f.device.server.checkIns() > before + 12 * 50);
    f.device.server.answerInstead = [](const std::string&, const std::string&) { return std::string(); };
    f.passTime(8 * kHourUs);
    CHECK(f.device.server.lastToken() != f.device.server.fleetToken);
    CHECK(storedToken().isAccepted());
    CHECK(f.device.server.askedTokens().size() == (name == "other_board" ? f.device.server.askedTokens().size() : 1U));
  }
}

TEST_CASE("a token that is refused is told in the log, and enrolled again after the same check") {
  Fixture f;
  f.rest();
  f.comeBackLater();
  const std::string token = storedToken().text();
  f.device.server.requests.clear();
  f.device.server.acceptedTokens.clear();
  f.stayOnUntil([&f] { return f.device.server.enrolments() == 2; });
  const std::string fleet = f.device.server.fleetToken;
  const std::vector<std::pair<std::string, std::string>> expected = {{kCheck, token}, {kCheck, fleet}, {kEnrol, fleet}};
  CHECK(f.device.server.requests == expected);
  CHECK(f.device.server.askedTokens().size() == 1);
  CHECK(std::count(f.device.lines.begin(), f.device.lines.end(),
                   "the server does not take the token of this board any more (token_invalid): back to the fleet token, "
                   "then it enrols again") == 1);
  CHECK(storedToken().isAccepted());
}

TEST_CASE("a server that accepts a token and refuses it again and again costs one enrolment and two writes an hour") {
  Fixture f;
  f.rest();
  f.answerOwn(kCheck, errorAnswer("401 Unauthorized", "token_revoked"));
  const uint64_t operations = f.device.board.operations();
  const uint64_t enrolments = f.device.server.enrolments();
  f.passTime(10 * kHourUs);
  CHECK(f.device.server.checkIns() > 10 * 50);
  CHECK(f.device.server.enrolments() - enrolments <= 10);
  CHECK(f.device.board.operations() - operations <= 20);
}

TEST_CASE("a server that says other_board for ever costs one token an hour") {
  Fixture f;
  f.rest();
  f.answerOwn(kCheck, errorAnswer("403 Forbidden", "other_board"));
  const uint64_t operations = f.device.board.operations();
  f.passTime(10 * kHourUs);
  CHECK(f.device.server.checkIns() > 10 * 50);
  CHECK(f.device.server.askedTokens().size() <= 11);
  CHECK(f.device.server.askedTokens().size() >= 10);
  CHECK(f.device.board.operations() - operations <= 30);
}

TEST_CASE("checks with an accepted token write nothing") {
  Fixture f;
  f.rest();
  const uint64_t operations = f.device.board.operations();
  f.passTime(24 * kHourUs);
  CHECK(f.device.server.checkIns() > 1000);
  CHECK(f.device.board.operations() == operations);
}

TEST_CASE("while the server has no time the fleet token is not tried, and no token is given up") {
  Fixture f;
  f.rest();
  const size_t before = f.tokensOf(kCheck).size();
  bool isAsleep = true;
  f.device.server.answerInstead = [&isAsleep](const std::string&, const std::string&) {
    return isAsleep ? answerOf("503 Service Unavailable", "") : std::string();
  };
  f.passTime(kHourUs / 2);
  CHECK(f.tokensOf(kCheck).find('f', before) == std::string::npos);
  isAsleep = false;
  f.passTime(2 * kHourUs);
  CHECK(f.device.server.lastToken() == storedToken().text());
  CHECK(f.device.server.enrolments() == 1);
}

TEST_CASE("a network that is down, however often it asks in vain, makes no board ask with the fleet token") {
  for (size_t failures = 5; failures <= 9; ++failures) {
    CAPTURE(failures);
    Fixture f;
    f.rest();
    const size_t before = f.tokensOf(kCheck).size();
    // In one life of the program: a restart forgets how often it asked.
    f.stayOnUntil([&] {
      f.device.server.isDown = f.count(Event::failed) < failures;
      return f.tokensOf(kCheck).size() > before;
    });
    CHECK(f.tokensOf(kCheck).find('f', before) == std::string::npos);
  }
}

TEST_CASE("an answer that is lost costs nothing: the same token, asked again, is accepted") {
  Fixture f;
  int lost = 0;
  f.device.server.answerInstead = [&](const std::string& path, const std::string&) {
    if (path != kEnrol || lost >= 3) return std::string();
    ++lost;
    // It has arrived, and is accepted.
    f.device.server.acceptedTokens.insert(storedToken().text());
    return std::string("hang up");
  };
  f.passTime(kHourUs);
  CHECK(lost == 3);
  CHECK(f.device.saw(Event::enrolment_failed, Error::connection_lost));
  CHECK(f.device.saw(Event::enrolled));
  CHECK(f.device.server.askedTokens().size() == 1);
  CHECK(f.device.server.acceptedTokens.size() == 1);
}

TEST_CASE("where the fleet token is no longer taken, the own one is tried although nobody said that it is accepted") {
  Fixture f;
  f.device.server.enrolmentState = "pending";
  f.checks(2);
  f.device.server.acceptedTokens.insert(storedToken().text());
  f.device.server.answerInstead = [&f](const std::string&, const std::string& token) {
    return token == f.device.server.fleetToken ? errorAnswer("401 Unauthorized", "token_invalid") : std::string();
  };
  f.checks(3);
  CHECK(storedToken().isAccepted());
  CHECK(f.tokensOf(kCheck).substr(2) == "fooo");
}

TEST_CASE("a board whose both tokens are refused says so, and asks at most once an hour") {
  Fixture f;
  f.rest();
  f.device.server.answerInstead = [](const std::string&, const std::string&) {
    return errorAnswer("401 Unauthorized", "token_revoked");
  };
  f.passTime(24 * kHourUs);
  CHECK(f.device.saw(Event::failed, Error::auth));
  const size_t asked = f.tokensOf(kCheck).size();
  CHECK(asked < 120);
  CHECK(f.tokensOf(kEnrol) == "f");
  f.device.server.answerInstead = [](const std::string&, const std::string&) { return std::string(); };
  f.passTime(2 * kHourUs);
  CHECK(f.device.server.lastToken() == storedToken().text());
}

TEST_CASE("a copy of the flash on another board gets a token of its own") {
  Fixture f;
  f.rest();
  f.comeBackLater();
  const std::string copied = storedToken().text();
  f.device.server.answerInstead = [&](const std::string& path, const std::string& token) {
    return path == kCheck && token == copied ? errorAnswer("403 Forbidden", "other_board") : std::string();
  };
  f.passTime(kHourUs);
  CHECK(storedToken().isAccepted());
  CHECK(storedToken().text() != copied);
  CHECK(f.device.server.askedTokens().size() == 2);
  CHECK(f.device.server.lastToken() == storedToken().text());
}

TEST_CASE("a token that the server knows of another board when it is asked is given up, at most one an hour") {
  Fixture f;
  f.device.server.enrolmentState = "pending";
  f.checks(2);
  const std::string copied = storedToken().text();
  f.comeBackLater();
  f.device.server.answerInstead = [&](const std::string& path, const std::string&) {
    const bool isCopy = path == kEnrol && storedToken().text() == copied;
    return isCopy ? errorAnswer("403 Forbidden", "other_board") : std::string();
  };
  f.passTime(2 * kHourUs);
  CHECK(storedToken().text() != copied);
  CHECK(f.device.server.askedTokens().size() == 2);
  CHECK(f.tokensOf(kEnrol).size() <= 4);
}

TEST_CASE("reports that are another board's are dropped; those of a token that is refused are kept") {
  Fixture f;
  f.rest();
  SUBCASE("with the fleet token, of a board that has its own") {
    f.device.server.acceptedTokens.clear();
    f.device.server.enrolmentState = "pending";
    f.device.server.answerInstead = [](const std::string& path, const std::string&) {
      return path == kReport ? errorAnswer("403 Forbidden", "not_this_board") : std::string();
    };
    f.device.server.offer({"1.1.0", build("1.1.0")});
    f.rest();
    CHECK(f.device.server.lastVersion() == "1.1.0");
    CHECK(f.device.server.reports().empty());
    CHECK(testing::readJournal().reportCount == 0);
  }
  SUBCASE("refused while the build is on trial") {
    f.device.server.offer({"1.1.0", build("1.1.0")});
    f.device.onBoot = [&f] {
      f.device.server.acceptedTokens.clear();
      f.device.server.enrolmentState = "pending";
    };
    f.rest();
    CHECK(f.device.server.lastVersion() == "1.1.0");
    CHECK(f.device.server.reports().back().status == "confirmed");
  }
}

TEST_CASE("while the server trips on the own token, reports wait for it and are not lost") {
  Fixture f;
  f.rest();
  bool isTripping = false;
  f.device.server.answerInstead = [&](const std::string& path, const std::string& token) {
    const bool isFleet = token == f.device.server.fleetToken;
    if (isFleet && path == kReport) return errorAnswer("403 Forbidden", "not_this_board");
    return isTripping && !isFleet ? answerOf("500 Internal Server Error", "") : std::string();
  };
  f.device.server.offer({"1.1.0", build("1.1.0")});
  const int boots = f.device.boots;
  f.device.onBoot = [&] { isTripping = f.device.boots > boots + 1; };
  f.stayOnUntil([&] { return f.device.saw(Event::confirmed); });
  CHECK(isTripping);
  f.checks(2);
  CHECK(f.device.server.finalReportsOf(1) == 0);
  f.device.onBoot = [] {};
  isTripping = false;
  f.checks(2);
  CHECK(f.device.server.finalReportsOf(1) == 1);
  CHECK(f.device.server.reports().back().status == "confirmed");
}

TEST_CASE("a build on trial whose own token is refused is kept: the fleet token reaches the server") {
  for (const Hostility& hostility : hostilities()) {
    CAPTURE(std::string(hostility.name));
    Fixture f;
    f.rest();
    f.device.onBoot = [&] { f.answerOwn(kCheck, hostility.answer); };
    f.device.server.offer({"1.1.0", build("1.1.0")});
    f.device.boots = 0;
    bool isFirst = true;
    f.device.onBoot = [&] {
      if (!isFirst) f.answerOwn(kCheck, hostility.answer);
      isFirst = false;
    };
    f.device.stopWhen = [&f](otter::Engine&) { return f.device.saw(Event::confirmed) || f.device.boots > 2; };
    f.rest();
    CHECK(f.device.saw(Event::confirmed));
    CHECK(f.device.boots == 2);
  }
}

TEST_CASE("a board that lost its NVS makes a new token and waits with it") {
  Fixture f;
  f.rest();
  const std::string before = storedToken().text();
  f.device.board.nvs.eraseAll();
  f.device.server.enrolmentState = "pending";
  f.checks(3);
  CHECK(storedToken().text() != before);
  CHECK(f.device.server.askedTokens().size() == 2);
  CHECK(f.device.server.lastToken() == f.device.server.fleetToken);
}

TEST_CASE("NVS that takes nothing makes no token, and holds nothing up") {
  Fixture f;
  f.device.board.nvs.isFull = true;
  f.passTime(3 * kHourUs);
  CHECK(f.device.server.enrolments() == 0);
  CHECK(f.device.server.checkIns() > 3 * 50);
  CHECK(f.count(Event::enrolment_failed) <= 4);
  CHECK(f.device.saw(Event::enrolment_failed, Error::nvs));
  f.device.board.nvs.isFull = false;
  f.passTime(2 * kHourUs);
  CHECK(f.device.saw(Event::enrolled));
}
