// `Preferences.h` over the board's NVS.

#include "Preferences.h"

#include "board/board.h"

using board::Board;
using board::Bytes;

bool Preferences::begin(const char* name, bool readOnly, const char*) {
  if (isOpen_ || strlen(name) > 15) return false;
  if (readOnly && !Board::current().nvs.hasSpace(name)) return false;
  name_ = name;
  isReadOnly_ = readOnly;
  isOpen_ = true;
  return true;
}

void Preferences::end() { isOpen_ = false; }

bool Preferences::isKey(const char* key) { return isOpen_ && Board::current().nvs.load(name_, key).has_value(); }

bool Preferences::remove(const char* key) { return isOpen_ && !isReadOnly_ && Board::current().nvs.remove(name_, key); }

size_t Preferences::putBytes(const char* key, const void* value, size_t count) {
  if (!isOpen_ || isReadOnly_ || key == nullptr || value == nullptr || count == 0) return 0;
  const auto* bytes = static_cast<const uint8_t*>(value);
  return Board::current().nvs.save(name_, key, Bytes(bytes, bytes + count)) ? count : 0;
}

size_t Preferences::getBytes(const char* key, void* buffer, size_t capacity) {
  const size_t count = getBytesLength(key);
  if (count == 0 || buffer == nullptr || count > capacity) return 0;
  memcpy(buffer, Board::current().nvs.load(name_, key)->data(), count);
  return count;
}

size_t Preferences::getBytesLength(const char* key) {
  if (!isOpen_ || key == nullptr) return 0;
  const auto value = Board::current().nvs.load(name_, key);
  return value ? value->size() : 0;
}

uint32_t Preferences::getUInt(const char* key, uint32_t otherwise) {
  uint32_t value = 0;
  return getBytes(key, &value, sizeof value) == sizeof value ? value : otherwise;
}
