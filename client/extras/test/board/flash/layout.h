// Where things lie in the flash: a partition table as ESP-IDF writes it (`esp_flash_partitions.h`), with otadata and
// OTA slots and no factory partition, as all of Arduino's tables are.

#pragma once

#include <cstdint>
#include <vector>

#include "board/flash/flash.h"

namespace board {

constexpr uint32_t kPartitionTableAt = 0x8000;
constexpr uint32_t kNvsAt = 0x9000;
constexpr uint32_t kNvsBytes = 0x5000;
constexpr uint32_t kOtaDataAt = 0xE000;
constexpr uint32_t kFirstSlotAt = 0x10000;

struct Slot {
  uint32_t address;
  uint32_t sizeBytes;
};

/** The OTA slots of a board: `ota_0`, `ota_1`, ... */
using Layout = std::vector<Slot>;

Layout makeLayout(uint32_t slotBytes, uint32_t slotCount);
/** Size of the chip that holds this layout: a power of 2, at least 4 MiB. */
uint32_t flashBytesFor(const Layout& layout);
void writePartitionTable(Flash& flash, const Layout& layout);
/** No slots where the table is not one. */
Layout readPartitionTable(const Flash& flash);

}  // namespace board
