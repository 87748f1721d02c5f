// A signed configuration as a story: the board takes it, says so, and holds it over restarts; what it does not take changes
// nothing and is told once. The real server and its pins are met in tests/client.

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>
#include <string>

#include "board/image/image_maker.h"
#include "hal/esp32.h"
#include "support/test_device.h"
#include "support/vectors.h"

namespace {

using otter::Error;
using otter::Event;
using testing::TestDevice;

std::string configuration() {
  const vectors::File file("configuration.json");
  const otter::Json signedOne = file.member("configuration");
  const otter::Json signature = signedOne.member("signatures").firstElement();
  const std::vector<std::string> pins = vectors::texts(signedOne.member("pins"));
  return R"(,"configuration":{"format":"otter-config/1","product":"greenhouse","sequence":1787392800,"pins":[")" +
         pins[0] + R"(",")" + pins[1] + R"("],"expires_at":"2027-08-22T10:00:00Z","signatures":[{"key_id":")" +
         vectors::text(signature, "key_id") + R"(","signature":")" + vectors::text(signature, "signature") + R"("}]})";
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

struct Fixture {
  Fixture() : device(board::smallBoard()) {
    device.board.flashByCable(board::makeImage({"esp32", "greenhouse", "1.0.0", "healthy", 16384, 0, 1}));
    device.settings.releaseKeys[0] = pem.c_str();
    device.settings.releaseKeyCount = 1;
  }

  /** Switches the board on until it was answered so many times. */
  void checks(uint64_t count) {
    const uint64_t until = device.server.checkIns() + count;
    device.staysOn = true;
    device.stopWhen = [this, until](otter::Engine&) { return device.server.checkIns() >= until; };
    REQUIRE_MESSAGE(device.runToRest(), device.trouble);
  }

  bool saysLast(const char* part) { return device.server.lastCheckIn().find(part) != std::string::npos; }
  long told(Event event) {
    return std::count_if(device.events.begin(), device.events.end(),
                         [event](const testing::ToldEvent& one) { return one.event == event; });
  }

  std::string pem = vectors::text(vectors::File("configuration.json").member("public_key_pem"));
  TestDevice device;
};

}  // namespace

TEST_CASE("a signed configuration is taken, acknowledged in later checks, and holds after a restart") {
  Fixture f;
  f.device.server.moreOfNothing = configuration();
  f.checks(1);
  CHECK(f.saysLast(R"("configuration_sequence":0)"));
  f.checks(3);
  CHECK(f.saysLast(R"("configuration_sequence":1787392800)"));
  CHECK(f.told(Event::pins_changed) == 1);
  CHECK(f.device.server.configuredPins == 2);
  f.device.server.moreOfNothing = "";
  f.device.server.configuredPins = 0;
  f.checks(1);
  CHECK(f.device.server.configuredPins == 2);
  CHECK(f.saysLast(R"("configuration_sequence":1787392800)"));
}

TEST_CASE("a configuration that is not signed changes nothing, is told once, and said to the server") {
  Fixture f;
  f.device.server.moreOfNothing = with(configuration(), "1787392800", "1787392801");
  f.checks(4);
  CHECK(f.told(Event::configuration_refused) == 1);
  CHECK(f.device.saw(Event::configuration_refused, Error::signature));
  CHECK(f.told(Event::pins_changed) == 0);
  CHECK(f.device.server.configuredPins == 0);
  CHECK(f.saysLast(R"("configuration_sequence":0,"configuration_refused":"signature")"));
  f.device.server.moreOfNothing = configuration();
  f.checks(2);
  CHECK(f.saysLast(R"("configuration_sequence":1787392800,"library")"));
}

TEST_CASE("a board without a release key looks at none, and does not speak of them") {
  Fixture f;
  f.device.settings.releaseKeyCount = 0;
  f.device.server.moreOfNothing = configuration();
  f.checks(3);
  CHECK(f.told(Event::pins_changed) + f.told(Event::configuration_refused) == 0);
  CHECK_FALSE(f.saysLast("configuration_"));
  CHECK(f.device.server.configuredPins == 0);
}

TEST_CASE("with other pins the first address of the server is asked first again") {
  Fixture f;
  f.device.settings.servers[0] = {"first", 8443};
  f.device.settings.servers[1] = {"second", 8443};
  f.device.settings.serverCount = 2;
  const uint8_t second = 1;
  f.device.onBoot = [&] { otter::Esp32Store().save("server", &second, 1); };
  f.device.server.moreOfNothing = configuration();
  f.checks(1);
  f.device.onBoot = [] {};
  f.checks(2);
  uint8_t stored = 7;
  f.device.onBoot = [&] { otter::Esp32Store().load("server", &stored, 1); };
  f.checks(1);
  CHECK(stored == 0);
}
