// What the ESP32 layer says of a board, chip by chip.

#include <doctest/doctest.h>

#include <string>

#include "board/board.h"
#include "core/offer/check_in.h"
#include "hal/esp32.h"

TEST_CASE("every chip has the address that all its others are derived from, six bytes, and its revision") {
  for (const char* chip : {"esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c6", "esp32h2", "esp32p4"}) {
    CAPTURE(chip);
    board::BoardOptions options;
    options.chip = chip;
    options.mac = {0x24, 0x6f, 0x28, 0xaa, 0xbb, 0xcc};
    board::Board board(options);
    otter::Esp32System system;
    char mac[18];
    system.mac(mac);
    CHECK(std::string(mac) == "24:6f:28:aa:bb:cc");
    CHECK(std::string(system.chip()) == chip);
    CHECK(system.chipRevision() == board.chip().revision);
  }
}

TEST_CASE("every reason for a reset of ESP-IDF 5.x has its name") {
  for (int number = 0; number <= static_cast<int>(board::ResetReason::cpu_lockup); ++number) {
    const auto reason = static_cast<board::ResetReason>(number);
    board::Board board;
    board.resumeRunning(0, reason);
    otter::Esp32Bootloader bootloader;
    CHECK(std::string(otter::nameOf(bootloader.resetReason())) == board::nameOf(reason));
  }
}
