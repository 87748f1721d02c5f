#include "bootloader.h"

#include "board/flash/ota_data.h"

namespace board {
namespace {

/** Where the search begins. -1 is the place of a factory partition: no board here has one, so all slots are tried. */
constexpr int kBeforeFirstSlot = -1;

struct Selection {
  int slot;
  /** otadata has no entry at all: the first boot of a board. */
  bool isFirstBoot;
};

/** `bootloader_utility_get_selected_boot_partition`. */
Selection select(OtaData& otaData, BootloaderKind kind) {
  OtaEntry entries[2] = {otaData.entry(0), otaData.entry(1)};
  if (kind == BootloaderKind::rollback) {
    for (uint8_t index = 0; index < 2; ++index) {
      if (entries[index].state != SlotState::pending_verify) continue;
      entries[index].state = SlotState::aborted;
      otaData.write(index, entries[index]);
    }
  }
  if (isInvalid(entries[0]) && isInvalid(entries[1])) {
    const auto isEmpty = [](const OtaEntry& entry) {
      return entry.seq == 0xFFFFFFFF || entry.crc != crcOfSeq(entry.seq);
    };
    return {0, isEmpty(entries[0]) && isEmpty(entries[1])};
  }
  const auto active = otaData.active();
  if (!active) return {kBeforeFirstSlot, false};
  OtaEntry entry = otaData.entry(*active);
  const int slot = otaData.slotOf(entry);
  if (kind == BootloaderKind::rollback && entry.state == SlotState::fresh) {
    entry.state = SlotState::pending_verify;
    otaData.write(*active, entry);
  }
  return {slot, false};
}

}  // namespace

std::optional<uint8_t> boot(Flash& flash, const Layout& layout, const Chip& chip, BootloaderKind kind) {
  const auto slotCount = static_cast<int>(layout.size());
  if (slotCount == 0) return std::nullopt;
  OtaData otaData(flash, static_cast<uint32_t>(slotCount));
  const Selection selection = select(otaData, kind);

  const auto tryToLoad = [&](int slot) {
    const Slot& place = layout[static_cast<size_t>(slot)];
    if (!verifyImage(flash.at(place.address), place.sizeBytes, chip)) return false;
    if (selection.isFirstBoot) {
      OtaEntry first{static_cast<uint32_t>(slot) + 1, {}, SlotState::valid, 0};
      for (uint8_t& byte : first.label) byte = 0xFF;
      otaData.write(0, first);
    }
    return true;
  };

  // `bootloader_utility_load_boot_image`: down to the first slot, then up from where the search began.
  for (int slot = selection.slot; slot >= 0; --slot) {
    if (tryToLoad(slot)) return static_cast<uint8_t>(slot);
  }
  for (int slot = selection.slot + 1; slot < slotCount; ++slot) {
    if (tryToLoad(slot)) return static_cast<uint8_t>(slot);
  }
  return std::nullopt;
}

}  // namespace board
