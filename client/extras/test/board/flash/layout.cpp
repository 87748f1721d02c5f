#include "board/flash/layout.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace board {
namespace {

constexpr uint16_t kEntryMagic = 0x50AA;
constexpr uint8_t kTypeApp = 0;
constexpr uint8_t kTypeData = 1;
constexpr uint8_t kSubtypeOta0 = 0x10;
constexpr uint8_t kMaxSlots = 16;

/** `esp_partition_info_t`. */
struct Entry {
  uint16_t magic;
  uint8_t type;
  uint8_t subtype;
  uint32_t address;
  uint32_t sizeBytes;
  char label[16];
  uint32_t flags;
};
static_assert(sizeof(Entry) == 32, "as in esp_flash_partitions.h");

Entry makeEntry(uint8_t type, uint8_t subtype, uint32_t address, uint32_t sizeBytes, const std::string& label) {
  Entry entry{kEntryMagic, type, subtype, address, sizeBytes, {}, 0};
  std::copy_n(label.begin(), std::min(label.size(), sizeof entry.label), entry.label);
  return entry;
}

}  // namespace

Layout makeLayout(uint32_t slotBytes, uint32_t slotCount) {
  Layout layout;
  uint32_t address = kFirstSlotAt;
  for (uint32_t index = 0; index < slotCount; ++index) {
    layout.push_back({address, slotBytes});
    // Application partitions begin at a boundary of 64 KiB.
    address = (address + slotBytes + 0xFFFF) & ~uint32_t{0xFFFF};
  }
  return layout;
}

uint32_t flashBytesFor(const Layout& layout) {
  uint32_t bytes = 4U << 20;
  while (!layout.empty() && bytes < layout.back().address + layout.back().sizeBytes) bytes *= 2;
  return bytes;
}

void writePartitionTable(Flash& flash, const Layout& layout) {
  std::vector<Entry> entries;
  entries.push_back(makeEntry(kTypeData, 0x02, kNvsAt, kNvsBytes, "nvs"));
  entries.push_back(makeEntry(kTypeData, 0x00, kOtaDataAt, 2 * kSectorBytes, "otadata"));
  for (size_t index = 0; index < layout.size(); ++index) {
    const auto subtype = static_cast<uint8_t>(kSubtypeOta0 + index);
    entries.push_back(
        makeEntry(kTypeApp, subtype, layout[index].address, layout[index].sizeBytes, "app" + std::to_string(index)));
  }
  flash.burn(kPartitionTableAt, reinterpret_cast<const uint8_t*>(entries.data()), entries.size() * sizeof(Entry));
}

Layout readPartitionTable(const Flash& flash) {
  Layout layout;
  for (uint32_t at = kPartitionTableAt; at < kPartitionTableAt + 0xC00; at += sizeof(Entry)) {
    Entry entry{};
    std::memcpy(&entry, flash.at(at), sizeof entry);
    if (entry.magic != kEntryMagic) break;
    if (entry.type == kTypeApp && entry.subtype >= kSubtypeOta0 && entry.subtype < kSubtypeOta0 + kMaxSlots) {
      layout.push_back({entry.address, entry.sizeBytes});
    }
  }
  return layout;
}

}  // namespace board
