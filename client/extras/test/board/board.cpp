#include "board.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <utility>
#include <vector>

#include "board/image/running_marker.h"
#include "board/rtc_memory.h"

namespace board {
namespace {

Board* currentBoard = nullptr;

// A function, so that it is there before the fakes of other files register themselves.
std::vector<std::function<void()>>& resets() {
  static std::vector<std::function<void()>> all;
  return all;
}

void resetFakes() {
  for (const auto& reset : resets()) reset();
}

/** Its variables begin at zero; that is all that a program may count on which is loaded anew. */
void clearRtcMemory() {
  const RtcMemory memory = rtcMemory();
  std::fill_n(memory.begin, memory.bytes, uint8_t{0});
}

const Chip& requireChip(const std::string& name) {
  const Chip* chip = chipNamed(name);
  if (chip == nullptr) throw std::runtime_error("no such chip: " + name);
  return *chip;
}

std::string inFolder(const std::string& folder, const char* name) {
  if (folder.empty()) return "";
  std::filesystem::create_directories(folder);
  return folder + "/" + name;
}

}  // namespace

Board::Board(const BoardOptions& options)
    : power(options.noiseSeed),
      options_(options),
      chip_(&requireChip(options.chip)),
      layout_(makeLayout(options.slotBytes, options.slotCount)),
      flash(power, flashBytesFor(layout_), inFolder(options.folder, "flash.bin")),
      nvs(power, inFolder(options.folder, "nvs")),
      before_(currentBoard),
      random_(options.seed) {
  const Layout existing = readPartitionTable(flash);
  if (existing.empty()) {
    writePartitionTable(flash, layout_);
  } else {
    layout_ = existing;
  }
  currentBoard = this;
}

Board::~Board() {
  power.turnOff();
  if (currentBoard != this) return;
  resetFakes();
  currentBoard = before_;
}

Board& Board::current() {
  if (currentBoard == nullptr) throw std::logic_error("no board was made");
  return *currentBoard;
}

void Board::atPowerOff(std::function<void()> reset) { resets().push_back(std::move(reset)); }

void Board::flashByCable(const Bytes& image) {
  fillSlot(0, image);
  flash.burnErased(kOtaDataAt, 2 * kSectorBytes);
}

void Board::fillSlot(uint8_t slot, const Bytes& bytes) {
  const Slot& place = layout_.at(slot);
  if (bytes.size() > place.sizeBytes) throw std::runtime_error("the image is larger than the slot");
  flash.burn(place.address, bytes.data(), bytes.size());
}

std::optional<uint8_t> Board::powerOn(ResetReason reason) {
  power.turnOff();
  resetFakes();
  if (reason != ResetReason::deep_sleep) clearRtcMemory();
  power.turnOn();
  // A wake from deep sleep starts what ran before, without a look at otadata.
  const bool isWake = reason == ResetReason::deep_sleep && runningSlot_;
  const auto slot = isWake ? runningSlot_ : boot(flash, layout_, *chip_, options_.bootloader);
  if (!slot) {
    runningSlot_ = std::nullopt;
    return std::nullopt;
  }
  resumeRunning(*slot, reason);
  return slot;
}

void Board::resumeRunning(uint8_t slot, ResetReason reason) {
  runningSlot_ = slot;
  resetReason_ = reason;
  startedAtUs_ = clock.nowUs();
  loadRunningMarker(markerIn(slot));
}

uint8_t Board::runningSlot() const {
  if (!runningSlot_) throw std::logic_error("the board runs nothing");
  return *runningSlot_;
}

uint32_t Board::random() {
  const std::lock_guard<std::mutex> lock(randomMutex_);
  return static_cast<uint32_t>(random_());
}

void Board::panic(const char* why) {
  std::fprintf(stderr, "panic: %s\n", why);
  power.restart(ResetReason::panic);
}

std::optional<size_t> Board::imageIn(uint8_t slot) const {
  return verifyImage(slotBytes(slot), layout_.at(slot).sizeBytes, *chip_);
}

Marker Board::markerIn(uint8_t slot) const {
  const auto imageBytes = imageIn(slot);
  if (!imageBytes) return makeMarker(options_.product, options_.version);
  return findMarker(slotBytes(slot), *imageBytes).value_or(makeMarker(options_.product, options_.version));
}

std::string Board::scriptIn(uint8_t slot) const {
  const auto imageBytes = imageIn(slot);
  return imageBytes ? findScript(slotBytes(slot), *imageBytes) : "healthy";
}

const char* chipName() { return Board::current().chip().name; }

uint16_t chipId() { return Board::current().chip().id; }

}  // namespace board
