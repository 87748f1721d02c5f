#include "board/flash/ota_data.h"

#include <cstring>

namespace board {
namespace {

constexpr uint32_t kErased = 0xFFFFFFFF;

bool hasRightCrc(const OtaEntry& entry) { return entry.crc == crcOfSeq(entry.seq); }

bool wasLeft(const OtaEntry& entry) {
  return entry.seq != kErased && hasRightCrc(entry) &&
         (entry.state == SlotState::invalid || entry.state == SlotState::aborted);
}

/** `bootloader_common_select_otadata`. */
std::optional<uint8_t> choose(const OtaEntry (&entries)[2], const bool (&eligible)[2], bool highest) {
  if (eligible[0] && eligible[1]) {
    if (entries[0].seq == entries[1].seq) return uint8_t{0};
    return static_cast<uint8_t>((entries[0].seq > entries[1].seq) == highest ? 0 : 1);
  }
  if (eligible[0]) return uint8_t{0};
  if (eligible[1]) return uint8_t{1};
  return std::nullopt;
}

}  // namespace

const char* nameOf(SlotState state) {
  switch (state) {
    case SlotState::fresh:
      return "new";
    case SlotState::pending_verify:
      return "pending_verify";
    case SlotState::valid:
      return "valid";
    case SlotState::invalid:
      return "invalid";
    case SlotState::aborted:
      return "aborted";
    case SlotState::undefined:
      return "undefined";
  }
  return "noise";
}

uint32_t crcOfSeq(uint32_t seq) {
  // The ROM function complements what it is given, so UINT32_MAX begins at 0.
  uint32_t crc = 0;
  for (int i = 0; i < 4; ++i) {
    crc ^= (seq >> (8 * i)) & 0xFF;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

bool isInvalid(const OtaEntry& entry) {
  return entry.seq == kErased || entry.state == SlotState::invalid || entry.state == SlotState::aborted;
}

bool isValid(const OtaEntry& entry) { return !isInvalid(entry) && hasRightCrc(entry); }

OtaEntry OtaData::entry(uint8_t index) const {
  OtaEntry entry{};
  std::memcpy(&entry, flash_.at(kOtaDataAt + index * kSectorBytes), sizeof entry);
  return entry;
}

uint8_t OtaData::slotOf(const OtaEntry& entry) const { return static_cast<uint8_t>((entry.seq - 1) % slotCount_); }

std::optional<uint8_t> OtaData::active() const {
  const OtaEntry entries[2] = {entry(0), entry(1)};
  return choose(entries, {isValid(entries[0]), isValid(entries[1])}, true);
}

std::optional<SlotState> OtaData::stateOf(uint8_t slot) const {
  for (uint8_t index = 0; index < 2; ++index) {
    const OtaEntry candidate = entry(index);
    if (slotOf(candidate) == slot && hasRightCrc(candidate)) return candidate.state;
  }
  return std::nullopt;
}

std::optional<uint8_t> OtaData::lastLeft() const {
  const OtaEntry entries[2] = {entry(0), entry(1)};
  const auto index = choose(entries, {wasLeft(entries[0]), wasLeft(entries[1])}, false);
  if (!index) return std::nullopt;
  return slotOf(entries[*index]);
}

std::optional<uint8_t> OtaData::previous() const {
  const auto index = active();
  if (!index) return std::nullopt;
  const OtaEntry other = entry(static_cast<uint8_t>(1 - *index));
  if (!isValid(other)) return std::nullopt;
  return slotOf(other);
}

bool OtaData::write(uint8_t index, OtaEntry entry) {
  entry.crc = crcOfSeq(entry.seq);
  const uint32_t address = kOtaDataAt + index * kSectorBytes;
  return flash_.eraseSector(address) && flash_.program(address, reinterpret_cast<const uint8_t*>(&entry), sizeof entry);
}

bool OtaData::select(uint8_t slot) {
  OtaEntry chosen{};
  const auto index = active();
  if (!index) {
    // ESP-IDF keeps the label of the entry it overwrites; nothing reads it.
    std::memset(chosen.label, 0xFF, sizeof chosen.label);
    chosen.seq = slot + 1U;
    chosen.state = SlotState::fresh;
    return write(0, chosen);
  }
  // The least number that is not below the active one and falls on this slot.
  const uint32_t activeSeq = entry(*index).seq;
  uint32_t seq = (slot + 1U) % slotCount_;
  while (activeSeq > seq) seq += slotCount_;
  const auto other = static_cast<uint8_t>(1 - *index);
  chosen = entry(other);
  chosen.seq = seq;
  chosen.state = SlotState::fresh;
  return write(other, chosen);
}

}  // namespace board
