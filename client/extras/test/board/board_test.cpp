// The model of the board itself: that its flash, otadata, bootloader, NVS and fakes behave as ESP-IDF and arduino-esp32
// do. What the library makes of them is tested elsewhere.

#include "board.h"

#include <Preferences.h>
#include <Update.h>
#include <WiFi.h>
#include <doctest/doctest.h>
#include <esp_app_format.h>
#include <esp_ota_ops.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <ostream>

#include "board/image/image_maker.h"
#include "board/image/running_marker.h"

using board::Board;
using board::BoardOptions;
using board::BootloaderKind;
using board::Bytes;
using board::kSectorBytes;
using board::makeImage;
using board::OtaEntry;
using board::PowerCut;
using board::ResetReason;
using board::Restart;
using board::smallBoard;
using board::SlotState;
using board::Tear;

namespace board {
// How doctest prints them.
std::ostream& operator<<(std::ostream& out, SlotState state) { return out << nameOf(state); }
std::ostream& operator<<(std::ostream& out, const std::optional<SlotState>& state) {
  return out << (state ? nameOf(*state) : "nothing");
}
}  // namespace board

namespace {

constexpr Tear kTears[] = {Tear::before, Tear::partial, Tear::after, Tear::garbage};

const board::ImageRecipe kOldBuild{"esp32", "greenhouse", "1.0.0", "healthy", 16384, 0, 1};
const board::ImageRecipe kNewBuild{"esp32", "greenhouse", "1.1.0", "healthy", 20480, 0, 2};

/** A board that runs the old build from slot 0, flashed by cable and started once. */
struct RunningBoard {
  explicit RunningBoard(BoardOptions options = smallBoard()) : board(options) {
    board.flashByCable(makeImage(kOldBuild));
    REQUIRE(board.powerOn() == 0);
  }

  /** Puts the new build into slot 1 and selects it. */
  void installNewBuild() {
    board.fillSlot(1, makeImage(kNewBuild));
    REQUIRE(esp_ota_set_boot_partition(partition(1)) == ESP_OK);
  }

  static const esp_partition_t* partition(int slot) {
    return esp_partition_find_first(
        ESP_PARTITION_TYPE_APP, static_cast<esp_partition_subtype_t>(ESP_PARTITION_SUBTYPE_APP_OTA_0 + slot), nullptr);
  }

  Board board;
};

/** True where `act` ended in a power cut. */
template <typename Act>
bool isCut(Act act) {
  try {
    act();
    return false;
  } catch (const PowerCut&) {
    return true;
  }
}

std::string runningVersion() { return board::findMarker(board::runningMarker(), board::kMarkerBytes)->version; }

}  // namespace

// ---- flash

TEST_CASE("programming only clears bits, and erasing a sector sets them all") {
  Board board;
  const uint8_t first = 0xF0;
  const uint8_t second = 0x3C;
  board.flash.program(0x10000, &first, 1);
  CHECK(*board.flash.at(0x10000) == 0xF0);
  CHECK(board.flash.programsWithoutErase() == 0);

  board.flash.program(0x10000, &second, 1);
  CHECK(*board.flash.at(0x10000) == 0x30);
  CHECK(board.flash.programsWithoutErase() == 1);

  board.flash.eraseSector(0x10000);
  CHECK(*board.flash.at(0x10000) == 0xFF);
}

TEST_CASE("a sector is erased as a whole, and its neighbours stay") {
  Board board;
  const Bytes zeros(3 * kSectorBytes, 0);
  board.flash.burn(0x10000, zeros.data(), zeros.size());
  board.flash.eraseSector(0x11000);
  CHECK(*board.flash.at(0x10FFF) == 0);
  CHECK(*board.flash.at(0x11000) == 0xFF);
  CHECK(*board.flash.at(0x11FFF) == 0xFF);
  CHECK(*board.flash.at(0x12000) == 0);
  CHECK_FALSE(board.flash.eraseSector(0x11010));
}

TEST_CASE("every sector that is programmed or erased is an operation, as is every value in NVS") {
  Board board;
  const Bytes bytes(kSectorBytes, 1);
  board.flash.eraseSector(0x10000);
  CHECK(board.operations() == 1);
  board.flash.program(0x10000, bytes.data(), 100);
  CHECK(board.operations() == 2);
  board.flash.program(0x10800, bytes.data(), kSectorBytes);
  CHECK(board.operations() == 4);
  board.nvs.save("space", "key", {1});
  CHECK(board.operations() == 5);
  board.nvs.save("space", "key", {1});
  CHECK(board.operations() == 5);
}

TEST_CASE("a torn program leaves nothing, half, all, or some of the bits that should fall") {
  for (const Tear tear : kTears) {
    CAPTURE(nameOf(tear));
    Board board;
    const Bytes data(256, 0x0F);
    board.cutAt(1, tear);
    CHECK(isCut([&] { board.flash.program(0x10000, data.data(), data.size()); }));
    const uint8_t first = *board.flash.at(0x10000);
    const uint8_t last = *board.flash.at(0x100FF);
    if (tear == Tear::before) CHECK((first == 0xFF && last == 0xFF));
    if (tear == Tear::partial) CHECK((first == 0x0F && last == 0xFF));
    if (tear == Tear::after) CHECK((first == 0x0F && last == 0x0F));
    if (tear != Tear::garbage) continue;
    bool isMixed = false;
    for (uint32_t at = 0x10000; at < 0x10100; ++at) {
      CHECK((*board.flash.at(at) & 0x0F) == 0x0F);
      isMixed = isMixed || (*board.flash.at(at) != 0x0F && *board.flash.at(at) != 0xFF);
    }
    CHECK(isMixed);
  }
}

TEST_CASE("a torn erase leaves the old bytes, half of them, none, or noise") {
  for (const Tear tear : kTears) {
    CAPTURE(nameOf(tear));
    Board board;
    const Bytes data(kSectorBytes, 0x55);
    board.flash.burn(0x10000, data.data(), data.size());
    board.cutAt(1, tear);
    CHECK(isCut([&] { board.flash.eraseSector(0x10000); }));
    const uint8_t first = *board.flash.at(0x10000);
    const uint8_t last = *board.flash.at(0x10FFF);
    if (tear == Tear::before) CHECK((first == 0x55 && last == 0x55));
    if (tear == Tear::partial) CHECK((first == 0xFF && last == 0x55));
    if (tear == Tear::after) CHECK((first == 0xFF && last == 0xFF));
    if (tear == Tear::garbage) {
      CHECK(std::memcmp(board.flash.at(0x10000), board.flash.at(0x10800), kSectorBytes / 2) != 0);
    }
  }
}

TEST_CASE("a cut happens once; while the board is off nothing is written, and after power-on all is as before") {
  RunningBoard running;
  Board& board = running.board;
  board.cutAt(board.operations() + 1, Tear::before);
  CHECK(isCut([&] { board.nvs.save("space", "key", {1}); }));
  CHECK_FALSE(board.power.isOn());
  CHECK(isCut([&] { board.nvs.save("space", "key", {2}); }));
  CHECK_FALSE(board.nvs.load("space", "key"));
  CHECK(board.powerOn() == 0);
  CHECK(board.nvs.save("space", "key", {3}));
  CHECK(board.nvs.load("space", "key") == Bytes{3});
}

// ---- NVS

TEST_CASE("a torn value in NVS is the old one, lost, the new one, or noise of the same length") {
  for (const Tear tear : kTears) {
    CAPTURE(nameOf(tear));
    Board board;
    const Bytes before(32, 1);
    const Bytes after(32, 2);
    board.nvs.save("otter", "journal", before);
    board.cutAt(2, tear);
    CHECK(isCut([&] { board.nvs.save("otter", "journal", after); }));
    const auto found = board.nvs.load("otter", "journal");
    if (tear == Tear::before) CHECK(found == before);
    if (tear == Tear::partial) CHECK_FALSE(found);
    if (tear == Tear::after) CHECK(found == after);
    if (tear != Tear::garbage) continue;
    REQUIRE(found);
    CHECK(found->size() == 32);
    CHECK(*found != before);
    CHECK(*found != after);
  }
}

TEST_CASE("NVS refuses names of more than 15 characters, and what does not fit into its pages") {
  Board board;
  CHECK(board.nvs.save("otter", "fifteen-letters", {1}));
  CHECK_FALSE(board.nvs.save("otter", "sixteen--letters", {1}));
  CHECK_FALSE(board.nvs.save("otter", "large", Bytes(20000, 1)));
}

TEST_CASE("Preferences: no read-only namespace that is not there, and a blob comes back whole or not at all") {
  RunningBoard running;
  Preferences preferences;
  CHECK_FALSE(preferences.begin("otter", true));
  REQUIRE(preferences.begin("otter"));
  const uint8_t value[4] = {1, 2, 3, 4};
  CHECK(preferences.putBytes("journal", value, sizeof value) == 4);
  CHECK(preferences.getBytesLength("journal") == 4);
  uint8_t small[3];
  CHECK(preferences.getBytes("journal", small, sizeof small) == 0);
  uint8_t large[8];
  CHECK(preferences.getBytes("journal", large, sizeof large) == 4);
  CHECK(large[3] == 4);
  running.board.nvs.isFull = true;
  CHECK(preferences.putBytes("journal", value, 2) == 0);
  preferences.end();
  CHECK(preferences.getBytesLength("journal") == 0);
}

// ---- images

TEST_CASE("a whole image verifies; one changed byte anywhere, another chip or a cut end does not") {
  const board::Chip& esp32 = *board::chipNamed("esp32");
  const Bytes image = makeImage(kOldBuild);
  CHECK(board::verifyImage(image.data(), image.size(), esp32) == image.size());
  CHECK_FALSE(board::verifyImage(image.data(), image.size(), *board::chipNamed("esp32c3")));
  CHECK_FALSE(board::verifyImage(image.data(), image.size() - 1, esp32));
  for (size_t at = 0; at < image.size(); at += 97) {
    CAPTURE(at);
    Bytes broken = image;
    broken[at] = static_cast<uint8_t>(broken[at] ^ 0x10);
    CHECK_FALSE(board::verifyImage(broken.data(), broken.size(), esp32));
  }
}

TEST_CASE("the digest is checked, and without one the checksum alone has to do") {
  const board::Chip& esp32 = *board::chipNamed("esp32");
  const Bytes image = makeImage(kOldBuild);
  Bytes wrongDigest = image;
  wrongDigest.back() = static_cast<uint8_t>(wrongDigest.back() ^ 1);
  CHECK_FALSE(board::verifyImage(wrongDigest.data(), wrongDigest.size(), esp32));

  Bytes plain = image;
  plain[23] = 0;
  CHECK(board::verifyImage(plain.data(), plain.size(), esp32) == image.size() - 32);
  plain[5000] = static_cast<uint8_t>(plain[5000] ^ 1);
  CHECK_FALSE(board::verifyImage(plain.data(), plain.size(), esp32));
}

TEST_CASE("an image says its product, version and script") {
  const Bytes image = makeImage({"esp32", "thermostat", "2.0.1", "crash-later"});
  const auto marker = board::findMarker(image.data(), image.size());
  REQUIRE(marker);
  CHECK(marker->product == "thermostat");
  CHECK(marker->version == "2.0.1");
  CHECK(board::findScript(image.data(), image.size()) == "crash-later");

  const Bytes plain = makeImage({"esp32", "", ""});
  CHECK_FALSE(board::findMarker(plain.data(), plain.size()));
  CHECK(board::findScript(plain.data(), plain.size()) == "healthy");
}

// ---- bootloader

TEST_CASE("the CRC of otadata is that of the ROM") { CHECK(board::crcOfSeq(1) == 0x4743989A); }

TEST_CASE("a new board boots slot 0 and writes the first entry of otadata, once") {
  Board board(smallBoard());
  CHECK_FALSE(board.powerOn());
  board.flashByCable(makeImage(kOldBuild));
  CHECK(board.powerOn() == 0);
  CHECK(board.slotState(0) == SlotState::valid);
  const uint64_t operations = board.operations();
  CHECK(board.powerOn() == 0);
  CHECK(board.operations() == operations);
  CHECK(board.resetReason() == ResetReason::power_on);
}

TEST_CASE("the bootloader: what two entries of otadata lead to") {
  constexpr uint32_t kNone = 0xFFFFFFFF;
  struct Row {
    const char* story;
    uint32_t firstSeq;
    SlotState firstState;
    uint32_t secondSeq;
    SlotState secondState;
    bool isSlot0Whole;
    bool isSlot1Whole;
    std::optional<uint8_t> boots;
    /** Afterwards, in the entry of slot 1. */
    SlotState endsAs;
  };
  constexpr auto undefined = SlotState::undefined;
  const Row rows[] = {
      {"the higher number wins", 1, SlotState::valid, 2, SlotState::valid, true, true, 1, SlotState::valid},
      {"a new image goes on trial", 1, SlotState::valid, 2, SlotState::fresh, true, true, 1, SlotState::pending_verify},
      {"a reset on trial goes back", 1, SlotState::valid, 2, SlotState::pending_verify, true, true, 0,
       SlotState::aborted},
      {"INVALID is not chosen", 1, SlotState::valid, 2, SlotState::invalid, true, true, 0, SlotState::invalid},
      {"ABORTED is not chosen", 1, SlotState::valid, 2, SlotState::aborted, true, true, 0, SlotState::aborted},
      {"without rollback in the application the state is undefined, and boots", 1, SlotState::valid, 2, undefined, true,
       true, 1, undefined},
      {"a new image that is not whole: down to slot 0, and its entry stays on trial", 1, SlotState::valid, 2,
       SlotState::fresh, true, false, 0, SlotState::pending_verify},
      {"slot 0 is selected and broken: up to slot 1", 3, SlotState::valid, 2, SlotState::valid, false, true, 1,
       SlotState::valid},
      {"both were left: slot 0 is tried first", 1, SlotState::invalid, 2, SlotState::aborted, true, true, 0,
       SlotState::aborted},
      {"both were left and slot 0 is broken", 1, SlotState::invalid, 2, SlotState::aborted, false, true, 1,
       SlotState::aborted},
      {"one entry was left, the other never written", kNone, undefined, 2, SlotState::aborted, true, true, 0,
       SlotState::aborted},
      {"nothing is whole", 1, SlotState::valid, 2, SlotState::valid, false, false, std::nullopt, SlotState::valid},
  };
  for (const Row& row : rows) {
    CAPTURE(row.story);
    Board board(smallBoard());
    board.flashByCable(makeImage(kOldBuild));
    board.fillSlot(1, makeImage(kNewBuild));
    const auto write = [&](uint8_t index, uint32_t seq, SlotState state) {
      if (seq == kNone) return;
      OtaEntry entry{seq, {}, state, 0};
      board.otaData().write(index, entry);
    };
    write(0, row.firstSeq, row.firstState);
    write(1, row.secondSeq, row.secondState);
    const auto breakSlot = [&](uint8_t slot) { board.flash.burnErased(board.layout()[slot].address, kSectorBytes); };
    if (!row.isSlot0Whole) breakSlot(0);
    if (!row.isSlot1Whole) breakSlot(1);
    CHECK(board.powerOn(ResetReason::software) == row.boots);
    CHECK(board.otaData().entry(1).state == row.endsAs);
  }
}

TEST_CASE("where both entries were left, slot 0 starts and otadata stays as it is") {
  RunningBoard running;
  Board& board = running.board;
  running.installNewBuild();
  for (const uint8_t index : {uint8_t{0}, uint8_t{1}}) {
    OtaEntry entry = board.otaData().entry(index);
    entry.state = SlotState::aborted;
    board.otaData().write(index, entry);
  }
  const uint64_t operations = board.operations();
  CHECK(board.powerOn() == 0);
  CHECK(board.operations() == operations);
  CHECK(board.slotState(0) == SlotState::aborted);
}

TEST_CASE("an entry with a wrong CRC does not count") {
  RunningBoard running;
  running.installNewBuild();
  // Of the 32 bytes, those of the CRC.
  const uint8_t zeros[4] = {0, 0, 0, 0};
  running.board.flash.program(board::kOtaDataAt + kSectorBytes + 28, zeros, sizeof zeros);
  CHECK(running.board.powerOn(ResetReason::software) == 0);
}

TEST_CASE("a bootloader without rollback boots the new image for ever and leaves its state NEW") {
  BoardOptions options = smallBoard();
  options.bootloader = BootloaderKind::no_rollback;
  RunningBoard running(options);
  running.installNewBuild();
  for (int boot = 0; boot < 3; ++boot) {
    CHECK(running.board.powerOn(ResetReason::panic) == 1);
    CHECK(running.board.slotState(1) == SlotState::fresh);
  }
}

TEST_CASE("a wake from deep sleep goes on with a build on trial, which a reset would end") {
  RunningBoard running;
  running.installNewBuild();
  REQUIRE(running.board.powerOn(ResetReason::software) == 1);
  CHECK(running.board.powerOn(ResetReason::deep_sleep) == 1);
  CHECK(running.board.slotState(1) == SlotState::pending_verify);
  CHECK(running.board.powerOn(ResetReason::power_on) == 0);
  CHECK(running.board.slotState(1) == SlotState::aborted);
}

TEST_CASE("the program that runs has the marker of the image that was booted") {
  RunningBoard running;
  CHECK(runningVersion() == "1.0.0");
  running.installNewBuild();
  running.board.powerOn(ResetReason::software);
  CHECK(runningVersion() == "1.1.0");
}

// ---- power cuts in otadata: which build runs, and what is left to see of it

TEST_CASE("a cut while the new slot is selected: the old build runs, or the new one on trial, never nothing") {
  for (uint64_t operation = 1; operation <= 2; ++operation) {
    for (const Tear tear : kTears) {
      CAPTURE(operation);
      CAPTURE(nameOf(tear));
      RunningBoard running;
      Board& board = running.board;
      board.fillSlot(1, makeImage(kNewBuild));
      board.cutAt(board.operations() + operation, tear);
      REQUIRE(isCut([&] { esp_ota_set_boot_partition(RunningBoard::partition(1)); }));
      const bool isWritten = operation == 2 && tear == Tear::after;
      CHECK(board.powerOn() == (isWritten ? 1 : 0));
      CHECK(board.slotState(0) == SlotState::valid);
    }
  }
}

TEST_CASE("a cut while the bootloader puts a build on trial: the old build runs, and nothing tells of the new one") {
  for (uint64_t operation = 1; operation <= 2; ++operation) {
    RunningBoard running;
    Board& board = running.board;
    running.installNewBuild();
    // The erase is done and the write has not begun, or is half done.
    board.cutAt(board.operations() + operation, operation == 1 ? Tear::after : Tear::partial);
    REQUIRE(isCut([&] { board.powerOn(ResetReason::software); }));
    CHECK(board.powerOn() == 0);
    CHECK_FALSE(board.slotState(1));
    CHECK(esp_ota_get_last_invalid_partition() == nullptr);
  }
}

TEST_CASE("power lost on trial: the build is ABORTED and the old one runs, at the first reset already") {
  RunningBoard running;
  running.installNewBuild();
  REQUIRE(running.board.powerOn(ResetReason::software) == 1);
  CHECK(running.board.powerOn(ResetReason::power_on) == 0);
  CHECK(running.board.slotState(1) == SlotState::aborted);
  CHECK(esp_ota_get_last_invalid_partition() == RunningBoard::partition(1));
}

TEST_CASE("a cut while a healthy build is marked valid: back to the old one without a trace") {
  RunningBoard running;
  Board& board = running.board;
  running.installNewBuild();
  REQUIRE(board.powerOn(ResetReason::software) == 1);
  board.cutAt(board.operations() + 1, Tear::after);
  REQUIRE(isCut([] { esp_ota_mark_app_valid_cancel_rollback(); }));
  CHECK(board.powerOn() == 0);
  CHECK_FALSE(board.slotState(1));
  CHECK(board.imageIn(1));
}

TEST_CASE("whatever is torn in the bootloader's own writes, the next start finds a whole image") {
  for (uint64_t operation = 1; operation <= 2; ++operation) {
    for (const bool isOnTrial : {false, true}) {
      for (const Tear tear : kTears) {
        CAPTURE(operation);
        CAPTURE(isOnTrial);
        CAPTURE(nameOf(tear));
        RunningBoard running;
        Board& board = running.board;
        running.installNewBuild();
        if (isOnTrial) REQUIRE(board.powerOn(ResetReason::software) == 1);
        board.cutAt(board.operations() + operation, tear);
        REQUIRE(isCut([&] { board.powerOn(ResetReason::software); }));
        CHECK(board.powerOn());
      }
    }
  }
}

// ---- what the application may do

TEST_CASE("a slot can be selected only with a whole image for this chip in it") {
  RunningBoard running;
  Board& board = running.board;
  const esp_partition_t* spare = esp_ota_get_next_update_partition(nullptr);
  CHECK(spare == RunningBoard::partition(1));
  CHECK(esp_ota_set_boot_partition(spare) == ESP_ERR_OTA_VALIDATE_FAILED);

  Bytes broken = makeImage(kNewBuild);
  broken[1000] = static_cast<uint8_t>(broken[1000] ^ 1);
  board.fillSlot(1, broken);
  CHECK(esp_ota_set_boot_partition(spare) == ESP_ERR_OTA_VALIDATE_FAILED);
  board.fillSlot(1, makeImage({"esp32s3", "greenhouse", "1.1.0"}));
  CHECK(esp_ota_set_boot_partition(spare) == ESP_ERR_OTA_VALIDATE_FAILED);
  CHECK(esp_ota_get_boot_partition() == RunningBoard::partition(0));

  board.fillSlot(1, makeImage(kNewBuild));
  CHECK(esp_ota_set_boot_partition(spare) == ESP_OK);
  CHECK(board.slotState(1) == SlotState::fresh);
  CHECK(esp_ota_get_boot_partition() == spare);
  CHECK(esp_ota_get_running_partition() == RunningBoard::partition(0));
}

TEST_CASE("selecting back and forth only ever raises the number, and each time the new one goes on trial") {
  RunningBoard running;
  Board& board = running.board;
  board.fillSlot(1, makeImage(kNewBuild));
  for (int turn = 0; turn < 6; ++turn) {
    const uint8_t other = board.runningSlot() == 0 ? 1 : 0;
    REQUIRE(esp_ota_set_boot_partition(RunningBoard::partition(other)) == ESP_OK);
    REQUIRE(board.powerOn(ResetReason::software) == other);
    REQUIRE(board.slotState(other) == SlotState::pending_verify);
    REQUIRE(esp_ota_mark_app_valid_cancel_rollback() == ESP_OK);
    const auto active = board.otaData().active();
    REQUIRE(active);
    CHECK(board.otaData().entry(*active).seq == static_cast<uint32_t>(turn) + 2);
  }
}

TEST_CASE("a build that gives itself up is INVALID, and the board restarts into the old one") {
  RunningBoard running;
  Board& board = running.board;
  running.installNewBuild();
  REQUIRE(board.powerOn(ResetReason::software) == 1);
  CHECK(esp_ota_check_rollback_is_possible());
  CHECK_THROWS_AS(esp_ota_mark_app_invalid_rollback_and_reboot(), Restart);
  CHECK(board.power.restartReason() == ResetReason::software);
  CHECK(board.powerOn(ResetReason::software) == 0);
  CHECK(board.slotState(1) == SlotState::invalid);
  CHECK(esp_ota_get_last_invalid_partition() == RunningBoard::partition(1));
}

TEST_CASE("a build cannot give itself up where the old image is gone") {
  RunningBoard running;
  Board& board = running.board;
  running.installNewBuild();
  REQUIRE(board.powerOn(ResetReason::software) == 1);
  board.flash.burnErased(board.layout()[0].address, kSectorBytes);
  CHECK(esp_ota_mark_app_invalid_rollback_and_reboot() == ESP_ERR_OTA_ROLLBACK_FAILED);
  CHECK(board.slotState(1) == SlotState::pending_verify);
}

TEST_CASE("marking valid blesses the active entry, even where another slot runs") {
  RunningBoard running;
  Board& board = running.board;
  running.installNewBuild();
  board.flash.burnErased(board.layout()[1].address, kSectorBytes);
  REQUIRE(board.powerOn(ResetReason::software) == 0);
  CHECK(esp_ota_mark_app_valid_cancel_rollback() == ESP_OK);
  CHECK(board.slotState(1) == SlotState::valid);
}

TEST_CASE("the application that runs cannot be written over: the chip panics") {
  RunningBoard running;
  CHECK_THROWS_AS(esp_partition_erase_range(RunningBoard::partition(0), 0, kSectorBytes), Restart);
  CHECK(running.board.power.restartReason() == ResetReason::panic);
  CHECK(running.board.powerOn(ResetReason::panic) == 0);
}

// ---- Update

TEST_CASE("Update withholds the first 16 bytes until the end, then selects the slot") {
  RunningBoard running;
  Board& board = running.board;
  Bytes image = makeImage(kNewBuild);
  const uint64_t operationsBefore = board.operations();
  REQUIRE(Update.begin(image.size()));
  CHECK(board.operations() == operationsBefore);
  CHECK(Update.isRunning());
  CHECK(Update.write(image.data(), image.size()) == image.size());
  CHECK(Update.isFinished());
  const uint8_t* slot = board.slotBytes(1);
  for (size_t i = 0; i < 16; ++i) CHECK(slot[i] == 0xFF);
  CHECK(std::memcmp(slot + 16, image.data() + 16, image.size() - 16) == 0);
  CHECK_FALSE(board.imageIn(1));

  REQUIRE(Update.end());
  CHECK(board.imageIn(1) == image.size());
  CHECK(board.slotState(1) == SlotState::fresh);
  CHECK(board.powerOn(ResetReason::software) == 1);
  CHECK(board.flash.programsWithoutErase() == 0);
}

TEST_CASE("Update erases lazily: the older image in the slot is gone with the first 4 KiB, not before") {
  RunningBoard running;
  Board& board = running.board;
  board.fillSlot(1, makeImage(kOldBuild));
  Bytes image = makeImage(kNewBuild);
  REQUIRE(Update.begin(image.size()));
  CHECK(Update.write(image.data(), 4096) == 4096);
  CHECK(Update.progress() == 0);
  CHECK(board.imageIn(1));
  CHECK(Update.write(image.data() + 4096, 1) == 1);
  CHECK(Update.progress() == 4096);
  CHECK_FALSE(board.imageIn(1));
}

TEST_CASE("Update erases whole blocks of 64 KiB, and single sectors at the end") {
  RunningBoard running;
  Board& board = running.board;
  const uint32_t slotAt = board.layout()[1].address;
  const Bytes zeros(0x20000, 0);
  board.flash.burn(slotAt, zeros.data(), zeros.size());
  Bytes image = makeImage({"esp32", "greenhouse", "1.1.0", "healthy", 0x11000});
  REQUIRE(Update.begin(image.size()));
  Update.write(image.data(), 4097);
  CHECK(*board.flash.at(slotAt + 0xFFFF) == 0xFF);
  CHECK(*board.flash.at(slotAt + 0x10000) == 0);
  Update.write(image.data() + 4097, image.size() - 4097);
  CHECK(*board.flash.at(slotAt + 0x11000) == 0);
  CHECK(Update.end());
}

TEST_CASE("Update takes anything that does not begin with 0xE9 for an encrypted image, and has no key") {
  RunningBoard running;
  Bytes page(5000, '<');
  REQUIRE(Update.begin(page.size()));
  CHECK(Update.write(page.data(), page.size()) == 0);
  CHECK(Update.getError() == UPDATE_ERROR_DECRYPT);
  CHECK_FALSE(Update.end());
  CHECK(running.board.slotBytes(1)[0] == 0xFF);
}

TEST_CASE("Update does not select a broken image, nor one that is not all there") {
  RunningBoard running;
  Board& board = running.board;
  Bytes image = makeImage(kNewBuild);
  REQUIRE(Update.begin(image.size()));
  Update.write(image.data(), 8192);
  CHECK_FALSE(Update.end());
  CHECK(Update.getError() == UPDATE_ERROR_ABORT);

  image[3000] = static_cast<uint8_t>(image[3000] ^ 1);
  REQUIRE(Update.begin(image.size()));
  Update.write(image.data(), image.size());
  CHECK_FALSE(Update.end());
  CHECK(Update.getError() == UPDATE_ERROR_ACTIVATE);
  CHECK(board.powerOn(ResetReason::software) == 0);
  CHECK_FALSE(board.slotState(1));
}

TEST_CASE("Update refuses at the beginning: nothing, too much, a second time, no second slot, no memory") {
  RunningBoard running;
  CHECK_FALSE(Update.begin(0));
  CHECK(Update.getError() == UPDATE_ERROR_SIZE);
  CHECK_FALSE(Update.begin(0x20001));
  CHECK(Update.getError() == UPDATE_ERROR_SIZE);
  running.board.surroundings.largestHeapBlockBytes = 4000;
  CHECK_FALSE(Update.begin(4096));
  CHECK(Update.getError() == UPDATE_ERROR_OK);
  running.board.surroundings.largestHeapBlockBytes = 100000;
  CHECK(Update.begin(4096));
  CHECK_FALSE(Update.begin(4096));
  CHECK(Update.getError() == UPDATE_ERROR_OK);
  Update.abort();
  CHECK_FALSE(Update.isRunning());

  BoardOptions options = smallBoard();
  options.slotCount = 1;
  RunningBoard single(options);
  CHECK(esp_ota_get_next_update_partition(nullptr) == esp_ota_get_running_partition());
  CHECK_FALSE(Update.begin(4096));
  CHECK(Update.getError() == UPDATE_ERROR_NO_PARTITION);
}

TEST_CASE("Update says which operation the flash refused") {
  RunningBoard running;
  Bytes image = makeImage(kNewBuild);
  running.board.flash.faults.erase = true;
  REQUIRE(Update.begin(image.size()));
  CHECK(Update.write(image.data(), image.size()) == 0);
  CHECK(Update.getError() == UPDATE_ERROR_ERASE);
  running.board.flash.faults = {};
  running.board.flash.faults.program = true;
  REQUIRE(Update.begin(image.size()));
  CHECK(Update.write(image.data(), image.size()) == 0);
  CHECK(Update.getError() == UPDATE_ERROR_WRITE);
}

TEST_CASE("a restart forgets what Update had begun") {
  RunningBoard running;
  Bytes image = makeImage(kNewBuild);
  REQUIRE(Update.begin(image.size()));
  Update.write(image.data(), 8192);
  running.board.powerOn();
  CHECK_FALSE(Update.isRunning());
  CHECK(Update.getError() == UPDATE_ERROR_OK);
  CHECK(Update.begin(image.size()));
}

// ---- time, tasks, network

TEST_CASE("the clock stands still but for waits, and each start begins at 0") {
  RunningBoard running;
  delay(1500);
  CHECK(millis() == 1500);
  CHECK(esp_timer_get_time() == 1500000);
  running.board.powerOn();
  CHECK(millis() == 0);
}

TEST_CASE("a clock of high speed waits in board time") {
  RunningBoard running;
  running.board.clock.runAtSpeed(100);
  const auto start = std::chrono::steady_clock::now();
  const unsigned long startMs = millis();
  delay(2000);
  CHECK(millis() - startMs >= 2000);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(1000));
}

TEST_CASE("tasks end with the power, and the board knows why") {
  RunningBoard running;
  const auto restartLater = [](void*) {
    delay(100);
    ESP.restart();
  };
  const auto waitForEver = [](void* semaphore) {
    xSemaphoreTake(static_cast<SemaphoreHandle_t>(semaphore), portMAX_DELAY);
  };
  SemaphoreHandle_t never = xSemaphoreCreateBinary();
  xTaskCreatePinnedToCore(waitForEver, "waits", 4096, never, 1, nullptr, tskNO_AFFINITY);
  xTaskCreatePinnedToCore(restartLater, "restarts", 4096, nullptr, 1, nullptr, tskNO_AFFINITY);
  while (running.board.power.isOn()) usleep(100);
  CHECK(running.board.power.restartReason() == ResetReason::software);
  CHECK(running.board.powerOn(ResetReason::software) == 0);
  vSemaphoreDelete(never);
}

TEST_CASE("a timer runs out while a task waits, and a restart stops it") {
  RunningBoard running;
  int calls = 0;
  esp_timer_create_args_t settings = {};
  settings.callback = [](void* count) { ++*static_cast<int*>(count); };
  settings.arg = &calls;
  esp_timer_handle_t timer = nullptr;
  REQUIRE(esp_timer_create(&settings, &timer) == ESP_OK);
  REQUIRE(esp_timer_start_once(timer, 1000000) == ESP_OK);
  CHECK(esp_timer_start_once(timer, 1000000) == ESP_ERR_INVALID_STATE);
  delay(999);
  CHECK(calls == 0);
  delay(2000);
  CHECK(calls == 1);
  CHECK(millis() == 2999);
  CHECK(esp_timer_stop(timer) == ESP_ERR_INVALID_STATE);

  REQUIRE(esp_timer_start_periodic(timer, 100000) == ESP_OK);
  delay(1000);
  CHECK(calls == 11);
  running.board.powerOn();
  delay(60000);
  CHECK(calls == 11);
}

TEST_CASE("semaphores: taken once, given back, and a wait that ends in board time") {
  RunningBoard running;
  StaticSemaphore_t memory;
  SemaphoreHandle_t mutex = xSemaphoreCreateMutexStatic(&memory);
  CHECK(xSemaphoreTake(mutex, 0) == pdTRUE);
  CHECK(xSemaphoreTake(mutex, pdMS_TO_TICKS(60000)) == pdFALSE);
  CHECK(millis() >= 60000);
  CHECK(xSemaphoreGive(mutex) == pdTRUE);
  CHECK(xSemaphoreTake(mutex, 0) == pdTRUE);
  vSemaphoreDelete(mutex);
  CHECK(ulTaskNotifyTake(pdTRUE, 1000) == 0);
  xTaskNotifyGive(xTaskGetCurrentTaskHandle());
  CHECK(ulTaskNotifyTake(pdTRUE, 1000) == 1);
}

TEST_CASE("Wi-Fi is up where it was begun and the surroundings have it") {
  RunningBoard running;
  CHECK(WiFi.status() != WL_CONNECTED);
  WiFi.begin("ssid", "pass");
  CHECK(WiFi.status() == WL_CONNECTED);
  CHECK(WiFi.RSSI() == -55);
  running.board.surroundings.isNetworkUp = false;
  CHECK(WiFi.status() == WL_DISCONNECTED);
}

// ---- a board in a folder

TEST_CASE("a board in a folder keeps flash and NVS, and its layout is in its partition table") {
  char folder[] = "/tmp/otter-board-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  BoardOptions options = smallBoard();
  options.folder = folder;
  {
    RunningBoard running(options);
    running.installNewBuild();
    running.board.nvs.save("otter", "journal", {1, 2, 3});
  }
  {
    Board board(options);
    CHECK(board.layout().size() == 2);
    CHECK(board.layout()[1].sizeBytes == 0x20000);
    CHECK(board.nvs.load("otter", "journal") == Bytes{1, 2, 3});
    CHECK(board.powerOn(ResetReason::software) == 1);
  }
  std::filesystem::remove_all(folder);
}
