// The lines that a person reads at a serial monitor.

#include "core/log/log_line.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "core/log/advice.h"

using otter::Error;
using otter::Event;

namespace {

constexpr Error kAll[] = {
#define OTTER_LISTED(number, name, text, retryable, fault) Error::name,
    OTTER_ERROR_TABLE(OTTER_LISTED)
#undef OTTER_LISTED
};

constexpr Event kFirst = Event::connected;
constexpr Event kLast = Event::failed;

std::string lineOf(Event event, Error error, const otter::EventFacts& facts) {
  char text[otter::kLogLineBytes];
  otter::writeLogLine(event, error, facts, text, sizeof text);
  return text;
}

struct Row {
  Event event;
  Error error;
  otter::EventFacts facts;
  const char* line;
};

}  // namespace

TEST_CASE("every event is one line") {
  const Row rows[] = {
      {Event::connected, Error::ok, {"1.0.0", 0, 0, "ota.lan:8443"}, "connected to ota.lan:8443, pin ok"},
      {Event::checked,
       Error::ok,
       {"1.0.0", 0, 600, "up_to_date"},
       "checked: nothing new, 1.0.0 stays (up_to_date), next check in about 600 s"},
      {Event::offered, Error::ok, {"1.1.0", 4096, 0, ""}, "offered: 1.1.0, 4096 bytes"},
      {Event::rejected,
       Error::chip,
       {"1.1.0", 4096, 0, "this board is an esp32c3"},
       "not taken: 1.1.0: chip: the image is for another chip (this board is an esp32c3). Build it for the chip of this "
       "board and its revision, and upload that image too."},
      {Event::deferred,
       Error::deferred,
       {"1.1.0", 4096, 0, ""},
       "put off: 1.1.0: deferred: the application asked to wait. The sketch wants it so: canUpdate gave a reason."},
      {Event::download_started, Error::ok, {"1.1.0", 4096, 0, ""}, "downloading 1.1.0"},
      {Event::download_interrupted,
       Error::connection_lost,
       {"1.1.0", 4096, 7, ""},
       "download of 1.1.0 interrupted: connection_lost: the connection broke. The board comes again. When it stays so, "
       "look at the Wi-Fi signal and at the server's load. It goes on in about 7 s"},
      {Event::downloaded, Error::ok, {"1.1.0", 4096, 0, ""}, "downloaded 1.1.0 and verified; it waits for a quiet moment"},
      {Event::installing, Error::ok, {"1.1.0", 4096, 0, ""}, "installing 1.1.0: the board restarts"},
      {Event::trial_started, Error::ok, {"1.1.0", 0, 300, ""}, "on trial: 1.1.0 has 300 s to reach the server"},
      {Event::confirmed, Error::ok, {"1.1.0", 0, 0, ""}, "confirmed: 1.1.0 stays on this board"},
      {Event::rejected_build,
       Error::self_test,
       {"1.1.0", 0, 0, ""},
       "going back from 1.1.0: self_test: the health check of the application failed. Look at what healthCheck of that "
       "build asks for."},
      {Event::rolled_back,
       Error::crash,
       {"1.1.0", 0, 0, ""},
       "came back from 1.1.0: crash: the build crashed on trial. Run that build at a cable, and look at what it prints "
       "before it crashes."},
      {Event::enrolled, Error::ok, {"1.1.0", 0, 0, ""}, "enrolled: this board has a token of its own now"},
      {Event::enrolment_pending,
       Error::ok,
       {"1.1.0", 0, 0, "24:6f:28:aa:bb:cc"},
       "enrolment waits for a person: npx otter device accept 24:6f:28:aa:bb:cc. Until then it goes on with the fleet "
       "token"},
      {Event::enrolment_failed,
       Error::http_status,
       {"1.1.0", 0, 0, "status 500"},
       "not enrolled, it goes on with the fleet token and asks again: http_status: the server answered with an unexpected "
       "status (status 500). Is this an Otter server? Its log has the request."},
      {Event::token_refused,
       Error::auth,
       {"1.1.0", 0, 0, "token_revoked"},
       "the server does not take the token of this board any more (token_revoked): back to the fleet token, then it "
       "enrols again"},
      {Event::pins_changed,
       Error::ok,
       {"1.1.0", 0, 0, "1787392800"},
       "pins changed: those of configuration 1787392800 hold from now on, beside those of the sketch"},
      {Event::configuration_refused,
       Error::sequence,
       {"1.1.0", 0, 0, "configuration 7"},
       "configuration not taken, the pins stay as they are: sequence: the configuration is older than one that the board "
       "took (configuration 7). Sign a new one: npx otter cert rotate start."},
      {Event::failed,
       Error::dns,
       {"1.0.0", 0, 61, "ota.lan:8443"},
       "failed: dns: the server name could not be resolved (ota.lan:8443). Is the name in the address right, and does the "
       "network of the board know it? Next try in about 61 s"},
  };
  std::set<int> seen;
  for (const Row& row : rows) {
    CHECK(lineOf(row.event, row.error, row.facts) == row.line);
    seen.insert(static_cast<int>(row.event));
  }
  CHECK(seen.size() == static_cast<size_t>(kLast) - static_cast<size_t>(kFirst) + 1);
}

TEST_CASE("every error has advice that is a sentence, and its line fits") {
  const std::string detail(95, 'x');
  const otter::EventFacts longest = {"1.0.0-abcdefghijklmnopqrstuvwxyz", UINT32_MAX, UINT32_MAX, detail.c_str()};
  for (const Error error : kAll) {
    CAPTURE(nameOf(error));
    const std::string advice = adviceOn(error);
    REQUIRE(!advice.empty());
    CHECK((advice.back() == '.' || advice.back() == '?'));
    for (const Event event : {Event::failed, Event::download_interrupted}) {
      const std::string line = lineOf(event, error, longest);
      CHECK(line.find(advice) != std::string::npos);
      CHECK(line.substr(line.size() - 2) == " s");
    }
  }
  CHECK(std::string(adviceOn(Error::ok)).empty());
}
