// The board behind `hal.h`: Arduino and ESP-IDF calls, nothing that decides. The traps of each call and where they are
// known from stand beside it. Works with Arduino core 2.0.4 and later, on every chip that they know.

#pragma once

#if defined(ESP32)

#include <esp_partition.h>

#include "hal.h"

namespace otter {

/** nullptr on a table with one slot: core 3.0.5 would begin to erase the running image there (arduino-esp32#7294). */
const esp_partition_t* sparePartition();

/** The spare slot through `Update`, which withholds the first bytes; the last step is its own (`esp32_slot.cpp`). */
class Esp32Slot final : public SpareSlot {
 public:
  Error begin(uint32_t sizeBytes) override;
  Error write(uint8_t* bytes, size_t count) override;
  Error seal(uint8_t header[kHeaderBytes]) override;
  Error read(uint32_t offset, uint8_t* bytes, size_t count) override;
  Error activate(const uint8_t header[kHeaderBytes]) override;
  void abort() override;

 private:
  uint8_t header_[kHeaderBytes] = {};
  uint32_t writtenBytes_ = 0;
};

class Esp32Bootloader final : public Bootloader {
 public:
  uint8_t runningSlot() override;
  uint8_t spareSlot() override;
  uint32_t spareSlotBytes() override;
  ImageState runningState() override;
  bool wasLeft(uint8_t slot) override;
  bool runningElfSha256(uint8_t sha256[32]) override;
  uint32_t runningSecurityVersion() override;
  int64_t runningBuiltAtS() override;
  ResetReason resetReason() override;
  Error markValid() override;
  Error giveUp() override;
  Error select(uint8_t slot) override;
  void restart() override;
};

/** NVS, in a namespace of its own. */
class Esp32Store final : public Store {
 public:
  size_t load(const char* key, uint8_t* bytes, size_t capacity) override;
  Error save(const char* key, const uint8_t* bytes, size_t count) override;
};

class Esp32System final : public System {
 public:
  uint64_t nowMs() override;
  uint32_t random() override;
  void rest(uint32_t ms) override;
  bool isNetworkUp() override;
  uint32_t freeHeapBytes() override;
  uint32_t largestHeapBlockBytes() override;
  uint32_t flashBytes() override;
  int rssiDbm() override;
  void mac(char text[18]) override;
  const char* chip() override;
  uint16_t chipId() override;
  uint16_t chipRevision() override;
  void onDownload(bool isRunning) override;
  void* sleepMemory() override;

  /** False on a chip without Wi-Fi, such as the ESP32-H2: there the sketch has to say whether the network is up. */
  static bool hasWifi();

  /** Where the network is not Wi-Fi. nullptr: ask Wi-Fi. */
  bool (*networkCheck)() = nullptr;

 private:
  bool sleptBefore_ = false;
};

/**
 * Restarts the board when the running image is still on trial after this long, whatever hangs: the bootloader then goes
 * back. Started before `setup()`, and again by `begin()` with the time that the sketch wants.
 */
void startTrialGuard(uint32_t seconds);

}  // namespace otter

#endif
