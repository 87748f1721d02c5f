// The spellings of a pin, and the pin of a certificate.

#include "core/trust/pin.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "net/certificate_pin.h"

using otter::parsePin;
using otter::Pin;

namespace {

const std::string kHex = "0123456789abcdef0123456789ABCDEFfedcba9876543210FEDCBA9876543210";
const std::string kColons =
    "01:23:45:67:89:ab:cd:ef:01:23:45:67:89:AB:CD:EF:fe:dc:ba:98:76:54:32:10:FE:DC:BA:98:76:54:32:10";
const std::string kBase64 = "ASNFZ4mrze8BI0VniavN7/7cuph2VDIQ/ty6mHZUMhA=";
const uint8_t kBytes[32] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45,
                            0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54,
                            0x32, 0x10, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=pin; its key by
// openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256
const char kCertificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBcTCCARegAwIBAgIUGzxUiofKSAh8MzbjOCi1GetXnqgwCgYIKoZIzj0EAwIw\n"
    "DjEMMAoGA1UEAwwDcGluMB4XDTI2MTEyMzEzNTk1MVoXDTI2MTIyMzEzNTk1MVow\n"
    "DjEMMAoGA1UEAwwDcGluMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgPOKms5A\n"
    "WK01VMGMG3B7LIHr9TM8Pf8Zl+hvWSC+h85PomiQAcKCydUyq7AyafbMuVURZQq3\n"
    "T769swmCAH5sVKNTMFEwHQYDVR0OBBYEFF4X8ttHFLSRPFjdnq5SbAjNudX8MB8G\n"
    "A1UdIwQYMBaAFF4X8ttHFLSRPFjdnq5SbAjNudX8MA8GA1UdEwEB/wQFMAMBAf8w\n"
    "CgYIKoZIzj0EAwIDSAAwRQIhAI4gesFg1JyEVaM/oattRaMFTqY3wa74fXxEunRJ\n"
    "g44zAiAsOHejtyL1yxEN4GXR0D1AAzNWeAYbwhj4Qc5fa/ij7A==\n"
    "-----END CERTIFICATE-----\n";
const char kCertificateKeyHash[] = "spki:40b51d407f8286042f4a3084d0d20d6ab76d2dbf296ceecf7dfccd10c914484b";

}  // namespace

TEST_CASE("a pin is read in each of its spellings, in any case of hex") {
  struct Row {
    std::string text;
    Pin::Kind kind;
  };
  const std::vector<Row> rows = {{"spki:" + kHex, Pin::Kind::spki},
                                 {"cert:" + kHex, Pin::Kind::certificate},
                                 {"sha256//" + kBase64, Pin::Kind::spki},
                                 {kHex, Pin::Kind::certificate},
                                 {kColons, Pin::Kind::certificate}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Pin pin = {Pin::Kind::certificate, {}};
    if (row.kind == Pin::Kind::certificate) pin.kind = Pin::Kind::spki;
    REQUIRE(parsePin(row.text.c_str(), pin));
    CHECK(pin.kind == row.kind);
    CHECK(std::memcmp(pin.sha256, kBytes, sizeof kBytes) == 0);
  }
}

TEST_CASE("anything else is no pin, and leaves the pin as it was") {
  const std::vector<std::string> texts = {
      "",
      "spki:",
      "cert:",
      "sha256//",
      "SPKI:" + kHex,
      "spki :" + kHex,
      " spki:" + kHex,
      "spki:" + kHex + " ",
      "spki:" + kHex + "0",
      "spki:" + kHex + "\n",
      "spki:" + kHex.substr(1),
      "spki:" + kColons,
      "cert:" + kColons,
      "cert:" + kHex.substr(0, 62),
      "spki:" + kHex.substr(0, 63) + "g",
      "pin:" + kHex,
      kHex + "00",
      kHex.substr(0, 63),
      "0x" + kHex.substr(2),
      kColons + ":",
      kColons + ":00",
      kColons.substr(0, 94),
      kColons.substr(0, 92),
      "01:" + kHex.substr(2),
      kHex.substr(0, 62) + ":10",
      "sha256/" + kBase64,
      "sha256//" + kBase64.substr(0, 43),
      "sha256//" + kBase64 + "=",
      "sha256//" + kBase64.substr(0, 40) + "MhB=",  // bits set that no byte has
      "sha256//" + kBase64.substr(0, 40) + "Mg==",  // 31 bytes
      "sha256//" + kBase64.substr(0, 40) + "MhAA",  // 33 bytes
      "sha256//" + kBase64.substr(0, 20) + "-" + kBase64.substr(21),
      "sha256//" + kHex,
      "-----BEGIN CERTIFICATE-----",
  };
  for (const std::string& text : texts) {
    CAPTURE(text);
    Pin pin = {Pin::Kind::certificate, {7, 7, 7}};
    CHECK_FALSE(parsePin(text.c_str(), pin));
    CHECK(pin.kind == Pin::Kind::certificate);
    CHECK(pin.sha256[2] == 7);
  }
  Pin pin = {};
  CHECK_FALSE(parsePin(nullptr, pin));
}

TEST_CASE("every single wrong character of a pin is seen") {
  const std::string prefix = "sha256//";
  for (const std::string& whole : {"spki:" + kHex, kColons, prefix + kBase64}) {
    for (size_t i = 0; i < whole.size(); ++i) {
      const bool isBase64 = whole.compare(0, prefix.size(), prefix) == 0 && i >= prefix.size();
      // Around the ranges of letters and digits.
      for (const char wrong : std::string("\0 gG@`/:[{_=\x80", 13)) {
        if (wrong == whole[i] || (isBase64 && std::strchr("gG/", wrong) != nullptr && wrong != '\0')) continue;
        std::string text = whole;
        text[i] = wrong;
        CAPTURE(text);
        CAPTURE(i);
        Pin pin = {};
        CHECK_FALSE(parsePin(text.c_str(), pin));
      }
    }
  }
}

TEST_CASE("the pin of a certificate is the SHA-256 of its public key") {
  Pin expected = {};
  REQUIRE(parsePin(kCertificateKeyHash, expected));
  Pin pin = {Pin::Kind::certificate, {}};
  REQUIRE(otter::pinOfCertificate(kCertificate, pin));
  CHECK(pin.kind == Pin::Kind::spki);
  CHECK(std::memcmp(pin.sha256, expected.sha256, 32) == 0);
}

TEST_CASE("what is not exactly one certificate has no pin") {
  const std::string one = kCertificate;
  std::string broken = one;
  broken[one.size() / 2] = broken[one.size() / 2] == 'A' ? 'B' : 'A';
  broken[one.size() / 3] = '*';
  for (const std::string& text : {std::string(), one + one, one.substr(0, one.size() / 2), broken, "spki:" + kHex}) {
    CAPTURE(text);
    Pin pin = {};
    CHECK_FALSE(otter::pinOfCertificate(text.c_str(), pin));
  }
  Pin pin = {};
  CHECK_FALSE(otter::pinOfCertificate(nullptr, pin));
}

TEST_CASE("several pins stand in one text with commas between them, each once") {
  Pin pins[3] = {};
  size_t count = 0;
  CHECK(otter::parsePins(("spki:" + kHex + "," + kColons + ",spki:" + kHex).c_str(), pins, 3, count));
  REQUIRE(count == 2);
  CHECK(pins[0].kind == Pin::Kind::spki);
  CHECK(pins[1].kind == Pin::Kind::certificate);
  const std::string other = "spki:" + std::string(64, '1');
  CHECK(otter::parsePins(other.c_str(), pins, 3, count));
  CHECK_FALSE(otter::parsePins(("spki:" + std::string(64, '2')).c_str(), pins, 3, count));
  CHECK(count == 3);
  for (const std::string& wrong : {std::string(","), "spki:" + kHex + ",", "," + other, other + ", " + other,
                                   other + ";" + other, std::string(300, 'a')}) {
    CAPTURE(wrong);
    size_t none = 0;
    CHECK_FALSE(otter::parsePins(wrong.c_str(), pins, 3, none));
  }
  CHECK_FALSE(otter::parsePins(nullptr, pins, 3, count));
}
