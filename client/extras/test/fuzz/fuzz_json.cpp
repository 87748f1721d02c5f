// Any bytes as JSON: what is accepted can be walked, and nothing is written beyond its room.

#include <cstring>
#include <vector>

#include "core/wire/json.h"
#include "fuzz_target.h"

using otter::Json;

namespace {

void readScalar(const Json& value, size_t capacity) {
  std::vector<char> room(capacity + 1, '#');
  const bool isCopied = value.copyString(room.data(), capacity);
  fuzz::require(room[capacity] == '#');
  if (isCopied) {
    const size_t length = strnlen(room.data(), capacity);
    fuzz::require(length < capacity);
    fuzz::require(value.equals(room.data(), length));
    fuzz::require(!value.equals(room.data(), length + 1));
  }
  uint32_t narrow = 0;
  uint64_t wide = 0;
  const bool isNarrow = value.toUint32(narrow);
  const bool isWide = value.toUint53(wide);
  fuzz::require(!isNarrow || (isWide && wide == narrow));
  int32_t signedNumber = 0;
  fuzz::require(!(isNarrow && narrow <= INT32_MAX) ||
                (value.toInt32(signedNumber) && static_cast<uint32_t>(signedNumber) == narrow));
  fuzz::require(!isWide || wide < (1ULL << 53));
  fuzz::require(value.isObject() + value.isArray() + value.isString() + value.isTrue() + value.isFalse() <= 1);
}

void walk(const Json& value, size_t capacity, int depth) {
  fuzz::require(depth <= 9);
  if (!value.isThere()) return;
  readScalar(value, capacity);
  for (Json at = value.firstElement(); at.isThere(); at = at.nextElement()) walk(at, capacity, depth + 1);
  for (const char* name : {"a", "b", "", "manifest", "labels", "signatures", "\xc3\xbc"})
    walk(value.member(name), capacity, depth + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const fuzz::Running running;
  fuzz::Input input(bytes, count);
  const size_t capacity = input.byte();
  const std::string rest = input.rest();
  // Exact room, so that ASan sees a byte too much.
  const std::vector<char> text(rest.begin(), rest.end());
  Json root;
  if (!Json::parse(text.data(), text.size(), root)) return 0;
  walk(root, capacity, 0);
  Json again;
  fuzz::require(Json::parse(text.data(), text.size(), again));
  const bool isContainer = root.isObject() || root.isArray();
  size_t end = text.size();
  while (isContainer && text[end - 1] != '}' && text[end - 1] != ']') --end;
  if (isContainer) fuzz::require(!Json::parse(text.data(), end - 1, again));
  return 0;
}
