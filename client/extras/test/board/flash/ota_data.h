// otadata: two entries, one in each of two sectors, that say which slot the bootloader takes. Format and rules are
// those of ESP-IDF `esp_flash_partitions.h` and `bootloader_common_loader.c`; both the bootloader and `esp_ota_*` go
// through here.

#pragma once

#include <cstdint>
#include <optional>

#include "board/flash/flash.h"
#include "board/flash/layout.h"

namespace board {

/** `esp_ota_img_states_t`. */
enum class SlotState : uint32_t {
  fresh = 0,
  pending_verify = 1,
  valid = 2,
  invalid = 3,
  aborted = 4,
  undefined = 0xFFFFFFFF
};

/** `new`, `pending_verify`, ... */
const char* nameOf(SlotState state);

/** `esp_ota_select_entry_t`. */
struct OtaEntry {
  uint32_t seq;
  uint8_t label[20];
  SlotState state;
  uint32_t crc;
};
static_assert(sizeof(OtaEntry) == 32, "as in esp_flash_partitions.h");

/** `esp_rom_crc32_le(UINT32_MAX, seq)`. */
uint32_t crcOfSeq(uint32_t seq);
/** Left for good: erased, INVALID or ABORTED. Says nothing of the CRC. */
bool isInvalid(const OtaEntry& entry);
bool isValid(const OtaEntry& entry);

class OtaData {
 public:
  OtaData(Flash& flash, uint32_t slotCount) : flash_(flash), slotCount_(slotCount) {}

  OtaEntry entry(uint8_t index) const;
  uint8_t slotOf(const OtaEntry& entry) const;
  /** Index of the entry that counts: valid, with the highest `seq`. */
  std::optional<uint8_t> active() const;
  /** State in the first entry that names this slot (`esp_ota_get_state_partition`). */
  std::optional<SlotState> stateOf(uint8_t slot) const;
  /** Slot of the entry that is INVALID or ABORTED; of two, the one with the lower `seq`. */
  std::optional<uint8_t> lastLeft() const;
  /** Slot that the entry beside the active one names, where it could be gone back to. */
  std::optional<uint8_t> previous() const;

  /** Two operations: erases the sector of this entry and writes it again. False where the flash refuses. */
  bool write(uint8_t index, OtaEntry entry);
  /** Writes the entry that is not active, so that this slot is next, as NEW (`esp_rewrite_ota_data`). */
  bool select(uint8_t slot);

 private:
  Flash& flash_;
  uint32_t slotCount_;
};

}  // namespace board
