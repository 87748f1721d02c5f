// A board: power, flash, bootloader, NVS, clock and chip in one object, on which the fakes of the Arduino and ESP-IDF
// headers act. A test makes one, flashes an image, powers on, runs the library, and takes the power away where it
// likes:
//
//     board::Board board;
//     board.flashByCable(board::makeImage({}));
//     board.cutAt(17, board::Tear::garbage);
//     try {
//       board.powerOn();
//       ... run the sketch ...
//     } catch (const board::PowerCut&) {
//       board.powerOn();
//     } catch (const board::Restart& restart) {
//       board.powerOn(restart.reason);
//     }

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "bootloader.h"
#include "clock.h"
#include "board/flash/flash.h"
#include "board/image/image.h"
#include "board/flash/layout.h"
#include "board/flash/nvs.h"
#include "board/flash/ota_data.h"
#include "board/flash/power.h"

namespace board {

struct BoardOptions {
  /** Holds `flash.bin` and `nvs/`. Empty: all in memory. */
  std::string folder;
  std::string chip = "esp32";
  std::array<uint8_t, 6> mac = {0x24, 0x6f, 0x28, 0x00, 0x00, 0x01};
  /** Of a new board; a folder with a flash keeps its layout. */
  uint32_t slotBytes = 0x140000;
  uint32_t slotCount = 2;
  BootloaderKind bootloader = BootloaderKind::rollback;
  /** What an image without a marker is taken for. */
  std::string product = "default";
  std::string version = "0.0.0";
  /** Of the chip's random numbers. */
  uint32_t seed = 1;
  /** Of what torn operations leave behind. */
  uint32_t noiseSeed = 1;
};

/** With slots of 128 KB, so that a test of every operation on them is quick. */
inline BoardOptions smallBoard() {
  BoardOptions options;
  options.slotBytes = 0x20000;
  return options;
}

/** What the fakes tell the program about its surroundings. Tests change it at any time. */
struct Surroundings {
  bool isNetworkUp = true;
  int rssiDbm = -55;
  uint32_t freeHeapBytes = 200000;
  uint32_t largestHeapBlockBytes = 110000;
};

class Board {
 public:
  explicit Board(const BoardOptions& options = {});
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  /** The board that the fakes act on: the one made last that still lives. Throws where there is none. */
  static Board& current();
  /** Called whenever a board has gone off, before it goes on: fakes end their tasks and forget their state. */
  static void atPowerOff(std::function<void()> reset);

  /** Like esptool: writes the image into slot 0 and erases otadata; NVS stays. */
  void flashByCable(const Bytes& image);
  /** Puts bytes into a slot without the power model. */
  void fillSlot(uint8_t slot, const Bytes& bytes);

  /**
   * Starts the chip: power, bootloader, and the marker of the program that runs from now on. Nothing where no slot is
   * bootable. Throws `PowerCut` where one hits the bootloader.
   */
  std::optional<uint8_t> powerOn(ResetReason reason = ResetReason::power_on);
  /** Takes up what another process booted, without running the bootloader. */
  void resumeRunning(uint8_t slot, ResetReason reason);

  void cutAt(uint64_t operation, Tear tear) { power.cutAt(operation, tear); }
  uint64_t operations() const { return power.operations(); }

  /** Index of the slot that runs. Throws where the board is off. */
  uint8_t runningSlot() const;
  ResetReason resetReason() const { return resetReason_; }
  /** Microseconds since this start. */
  uint64_t upUs() const { return clock.nowUs() - startedAtUs_; }
  /** 32 bits of the hardware generator; the same ones for the same seed. */
  uint32_t random();
  /** The chip stops at once, as from `abort()`. */
  [[noreturn]] void panic(const char* why);

  const Layout& layout() const { return layout_; }
  const Chip& chip() const { return *chip_; }
  const BoardOptions& options() const { return options_; }
  OtaData otaData() { return OtaData(flash, static_cast<uint32_t>(layout_.size())); }
  std::optional<SlotState> slotState(uint8_t slot) { return otaData().stateOf(slot); }
  const uint8_t* slotBytes(uint8_t slot) const { return flash.at(layout_.at(slot).address); }
  /** Length of the whole image in a slot, or nothing where there is none. */
  std::optional<size_t> imageIn(uint8_t slot) const;
  /** What the image in a slot says of itself, or what images without a marker are taken for. */
  Marker markerIn(uint8_t slot) const;
  std::string scriptIn(uint8_t slot) const;

  Power power;
  Clock clock;
  Surroundings surroundings;

 private:
  BoardOptions options_;
  const Chip* chip_;
  Layout layout_;

 public:
  Flash flash;
  Nvs nvs;

 private:
  Board* before_;
  std::optional<uint8_t> runningSlot_;
  ResetReason resetReason_ = ResetReason::unknown;
  uint64_t startedAtUs_ = 0;
  std::mutex randomMutex_;
  std::mt19937 random_;
};

/** For `sdkconfig.h` of the fakes. */
const char* chipName();
uint16_t chipId();

}  // namespace board
