// The public face: errors that print themselves, and settings that are wrong. What it does with right ones is seen by
// `otter-device` in tests/client.

#include <OtterOTA.h>
#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "board/board.h"
#include "board/image/image_maker.h"

namespace {

constexpr const char* kServer = "https://192.168.1.10:8443";
constexpr const char* kPin = "spki:7963b3782daae1ae98eda596f18e1cd5dc95f978766247b6c6995d485f0203a1";
constexpr const char* kTwoPins =
    "spki:0000000000000000000000000000000000000000000000000000000000000001,"
    "spki:0000000000000000000000000000000000000000000000000000000000000002";
constexpr const char* kTwoOtherPins =
    "spki:0000000000000000000000000000000000000000000000000000000000000003,"
    "spki:0000000000000000000000000000000000000000000000000000000000000004";
constexpr const char* kToken = "otf_abc";
constexpr char kReleaseKey[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENlLGr7KI1l4i6ku0dfGEu7Bco4Ip\n"
    "vP56QSJFEth0AdQL+LWQkvHvKMIhVW8I4C3B1ecQQ1hEKF3RruMAm8pDOQ==\n"
    "-----END PUBLIC KEY-----\n";

class TextPrint final : public Print {
 public:
  std::string text;
  size_t write(uint8_t byte) override {
    text += static_cast<char>(byte);
    return 1;
  }
};

std::string printed(const OtterError& error) {
  TextPrint out;
  out.print(error);
  return out.text;
}

struct WrongSetting {
  const char* says;
  const char* server;
  const char* pin;
  const char* token;
  std::function<void(OtterOTA&)> set;
};

void nothing(OtterOTA&) {}

}  // namespace

TEST_CASE("an error prints its name, a sentence, and what exactly is wrong") {
  CHECK(printed(OtterError()) == "ok: all is well");
  CHECK(printed(otter::Error::pin_mismatch) == "pin_mismatch: the server showed a certificate that is not pinned");
  CHECK(printed(OtterError(otter::Error::settings, "pin")) == "settings: a setting of the sketch is wrong: pin");
  CHECK_FALSE(static_cast<bool>(OtterError()));
  CHECK(OtterError(otter::Error::tls) == otter::Error::tls);
  CHECK(OtterError(otter::Error::tls).number() == 13);
}

TEST_CASE("a wrong setting is named by begin(), and nothing runs") {
  board::Board board;
  board.flashByCable(board::makeImage({}));
  REQUIRE(board.powerOn() == 0);
  const WrongSetting rows[] = {
      {"server", "http://192.168.1.10:8443", kPin, kToken, nothing},
      {"server", "https://", kPin, kToken, nothing},
      {"server", "https://host:0", kPin, kToken, nothing},
      {"server", "https://host:65536", kPin, kToken, nothing},
      {"server", "https://host/path", kPin, kToken, nothing},
      {"token", kServer, kPin, "", nothing},
      {"token", kServer, kPin, "a b", nothing},
      {"token", kServer, kPin, "a\r\nb", nothing},
      {"pin", kServer, "", kToken, nothing},
      {"pin", kServer, "spki:7963", kToken, nothing},
      {"pin", kServer, "-----BEGIN CERTIFICATE-----", kToken, nothing},
      {"pin", kServer, kPin, kToken, [](OtterOTA& ota) { ota.addPin("sha256//"); }},
      {"server", kServer, kPin, kToken, [](OtterOTA& ota) { ota.addServer("http://192.168.1.11"); }},
      {"addServer", kServer, kPin, kToken, [](OtterOTA& ota) { ota.addServer(kServer).addServer(kServer); }},
      {"pin", kServer, kTwoPins, kToken, [](OtterOTA& ota) { ota.addPin(kTwoOtherPins); }},
      {"pin", kServer, "spki:7963b3782daae1ae98eda596f18e1cd5dc95f978766247b6c6995d485f0203a1,", kToken, nothing},
      {"addPin", kServer, kPin, kToken, [](OtterOTA& ota) { ota.addPin(kPin).addPin(kPin).addPin(kPin); }},
      {"addReleaseKey", kServer, kPin, kToken,
       [](OtterOTA& ota) { ota.addReleaseKey("").addReleaseKey("").addReleaseKey(""); }},
      {"addReleaseKey", kServer, kPin, kToken, [](OtterOTA& ota) { ota.addReleaseKey("-----BEGIN PUBLIC KEY-----"); }},
      {"addReleaseKey: the same key twice", kServer, kPin, kToken,
       [](OtterOTA& ota) { ota.addReleaseKey(kReleaseKey).addReleaseKey(kReleaseKey); }},
      {"signaturesNeeded", kServer, kPin, kToken,
       [](OtterOTA& ota) { ota.addReleaseKey(kReleaseKey).signaturesNeeded(2); }},
      {"signaturesNeeded", kServer, kPin, kToken, [](OtterOTA& ota) { ota.signaturesNeeded(0); }},
      {"signaturesNeeded", kServer, kPin, kToken, [](OtterOTA& ota) { ota.signaturesNeeded(2); }},
      {"addLabelHint", kServer, kPin, kToken, [](OtterOTA& ota) { ota.addLabelHint("Upper"); }},
      {"addLabelHint", kServer, kPin, kToken,
       [](OtterOTA& ota) {
         for (int i = 0; i < 9; ++i) ota.addLabelHint("label");
       }},
      {"labelRule", kServer, kPin, kToken, [](OtterOTA& ota) { ota.labelRule("pilot,,frozen"); }},
      {"interval", kServer, kPin, kToken, [](OtterOTA& ota) { ota.interval(29); }},
      {"interval", kServer, kPin, kToken, [](OtterOTA& ota) { ota.interval(86401); }},
      {"nextCheckIn", kServer, kPin, kToken, [](OtterOTA& ota) { ota.nextCheckIn(2592001); }},
      {"trialTimeout", kServer, kPin, kToken, [](OtterOTA& ota) { ota.trialTimeout(29); }},
      {"trialTimeout", kServer, kPin, kToken, [](OtterOTA& ota) { ota.trialTimeout(3601); }},
      {"idleHours", kServer, kPin, kToken, [](OtterOTA& ota) { ota.idleHours(25, 3); }},
      {"taskStack", kServer, kPin, kToken, [](OtterOTA& ota) { ota.taskStack(8192); }},
  };
  for (const WrongSetting& row : rows) {
    OtterOTA ota(row.server, row.pin, row.token);
    row.set(ota);
    const OtterError error = ota.begin();
    CAPTURE(row.says);
    CHECK(error == otter::Error::settings);
    CHECK(std::string(error.detail()).find(row.says) == 0);
    CHECK_FALSE(ota.isBusy());
  }
}
