// The marker that `OTTER_FIRMWARE` makes while compiling is byte for byte that of docs/firmware-marker.md.

#include "core/firmware_marker.h"

#include <doctest/doctest.h>

#include <cstring>

namespace {

constexpr otter::FirmwareMarker kMarker = otter::makeMarker("thermostat", "1.4.0");

// The example of docs/firmware-marker.md. The first 16 bytes are put together here, so that this program holds no magic
// of its own in one piece.
constexpr uint8_t kMagic[2][8] = {{0xb0, 0x1b, 0xdd, 0xd7, 0xf5, 0x03, 0x01, 0x9e},
                                  {0x9b, 0x87, 0xcb, 0xce, 0x78, 0xd1, 0xd1, 0xfb}};
constexpr uint8_t kCrc[4] = {0x9e, 0xa9, 0x20, 0xfc};

}  // namespace

TEST_CASE("the marker of thermostat 1.4.0 is the documented one") {
  uint8_t bytes[sizeof kMarker];
  std::memcpy(bytes, &kMarker, sizeof bytes);
  CHECK(std::memcmp(bytes, kMagic[0], 8) == 0);
  CHECK(std::memcmp(bytes + 8, kMagic[1], 8) == 0);
  CHECK(bytes[16] == 1);
  CHECK(std::memcmp(bytes + 17, "\0\0\0", 3) == 0);
  char product[32] = "thermostat";
  char version[32] = "1.4.0";
  CHECK(std::memcmp(bytes + 20, product, sizeof product) == 0);
  CHECK(std::memcmp(bytes + 52, version, sizeof version) == 0);
  CHECK(std::memcmp(bytes + 84, kCrc, sizeof kCrc) == 0);
}

TEST_CASE("the longest names fit, with their NUL") {
  constexpr otter::FirmwareMarker longest =
      otter::makeMarker("abcdefghijklmnopqrstuvwxyz01234", "1.0.0-abcdefghijklmnopqrstuvwxy");
  CHECK(std::strlen(longest.product) == 31);
  CHECK(std::strlen(longest.version) == 31);
}
