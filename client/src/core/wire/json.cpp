#include "json.h"

#include <string.h>

namespace otter {
namespace {

constexpr int kMaxDepth = 8;

/** The place in the text. Every function that takes one moves it behind what it read, or answers false. */
struct Cursor {
  const char* at;
  const char* end;

  bool isDone() const { return at == end; }
  char peek() const { return at == end ? '\0' : *at; }
  bool skip(char expected) {
    if (peek() != expected || isDone()) return false;
    ++at;
    return true;
  }
  void skipBlanks() {
    while (at != end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
  }
};

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool takeHex4(Cursor& in, uint32_t& value) {
  value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hexValue(in.peek());
    if (digit < 0) return false;
    value = value * 16 + static_cast<uint32_t>(digit);
    ++in.at;
  }
  return true;
}

bool takeEscape(Cursor& in, uint32_t& codePoint) {
  const char kind = in.peek();
  if (in.isDone()) return false;
  ++in.at;
  switch (kind) {
    case '"':
    case '\\':
    case '/':
      codePoint = static_cast<uint32_t>(kind);
      return true;
    case 'b':
      codePoint = 8;
      return true;
    case 'f':
      codePoint = 12;
      return true;
    case 'n':
      codePoint = 10;
      return true;
    case 'r':
      codePoint = 13;
      return true;
    case 't':
      codePoint = 9;
      return true;
    case 'u':
      break;
    default:
      return false;
  }
  if (!takeHex4(in, codePoint)) return false;
  if (codePoint >= 0xDC00 && codePoint <= 0xDFFF) return false;
  if (codePoint < 0xD800 || codePoint > 0xDBFF) return true;
  uint32_t low = 0;
  if (!in.skip('\\') || !in.skip('u') || !takeHex4(in, low) || low < 0xDC00 || low > 0xDFFF) return false;
  codePoint = 0x10000 + ((codePoint - 0xD800) << 10) + (low - 0xDC00);
  return true;
}

/** One character that stands as it is (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
bool takeUtf8(Cursor& in, uint32_t& codePoint) {
  const auto lead = static_cast<uint8_t>(*in.at++);
  if (lead < 0x80) {
    codePoint = lead;
    return lead >= 0x20;
  }
  int more = 0;
  uint32_t smallest = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
    smallest = 0x80;
    codePoint = lead & 0x1FU;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    smallest = 0x800;
    codePoint = lead & 0x0FU;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    smallest = 0x10000;
    codePoint = lead & 0x07U;
  } else {
    return false;
  }
  for (; more > 0; --more) {
    if (in.isDone() || (static_cast<uint8_t>(*in.at) & 0xC0U) != 0x80U) return false;
    codePoint = (codePoint << 6) | (static_cast<uint8_t>(*in.at++) & 0x3FU);
  }
  return codePoint >= smallest && codePoint <= 0x10FFFF && !(codePoint >= 0xD800 && codePoint <= 0xDFFF);
}

enum class Step { character, end, malformed };

/** The next character of a string whose opening quote was taken. */
Step takeCharacter(Cursor& in, uint32_t& codePoint) {
  if (in.isDone()) return Step::malformed;
  if (in.skip('"')) return Step::end;
  const bool isGood = in.skip('\\') ? takeEscape(in, codePoint) : takeUtf8(in, codePoint);
  return isGood ? Step::character : Step::malformed;
}

bool skipString(Cursor& in) {
  if (!in.skip('"')) return false;
  for (;;) {
    uint32_t codePoint = 0;
    const Step step = takeCharacter(in, codePoint);
    if (step != Step::character) return step == Step::end;
  }
}

bool skipNumber(Cursor& in) {
  in.skip('-');
  if (!in.skip('0')) {
    if (!isDigit(in.peek())) return false;
    while (isDigit(in.peek())) ++in.at;
  }
  if (in.skip('.')) {
    if (!isDigit(in.peek())) return false;
    while (isDigit(in.peek())) ++in.at;
  }
  if (in.peek() == 'e' || in.peek() == 'E') {
    ++in.at;
    if (in.peek() == '+' || in.peek() == '-') ++in.at;
    if (!isDigit(in.peek())) return false;
    while (isDigit(in.peek())) ++in.at;
  }
  return true;
}

bool skipWord(Cursor& in, const char* word) {
  for (; *word != '\0'; ++word)
    if (!in.skip(*word)) return false;
  return true;
}

/** Two strings of checked text say the same, however they are escaped. */
bool sameString(Cursor left, Cursor right) {
  left.skip('"');
  right.skip('"');
  for (;;) {
    uint32_t leftCharacter = 0;
    uint32_t rightCharacter = 0;
    const Step leftStep = takeCharacter(left, leftCharacter);
    if (takeCharacter(right, rightCharacter) != leftStep) return false;
    if (leftStep != Step::character) return leftStep == Step::end;
    if (leftCharacter != rightCharacter) return false;
  }
}

bool skipValue(Cursor& in, int depth);

/** Skips a value that was checked before: linear, where checking again would multiply with every level. */
void skipCheckedValue(Cursor& in) {
  int depth = 0;
  do {
    const char c = in.peek();
    if (c == '"') {
      skipString(in);
    } else {
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++in.at;
      // The rest of a number or word.
      if (depth == 0 && c != '}' && c != ']')
        while (!in.isDone() && strchr(",]} \t\n\r", *in.at) == nullptr) ++in.at;
    }
  } while (depth > 0 && !in.isDone());
}

/** Whether an earlier member of the object that begins at `first` has the name at `name`. */
bool isDuplicate(Cursor first, const Cursor& name) {
  while (first.at < name.at) {
    if (sameString(first, name)) return true;
    skipString(first);
    first.skipBlanks();
    first.skip(':');
    first.skipBlanks();
    skipCheckedValue(first);
    first.skipBlanks();
    first.skip(',');
    first.skipBlanks();
  }
  return false;
}

bool skipMembers(Cursor& in, int depth) {
  in.skipBlanks();
  if (in.skip('}')) return true;
  const Cursor first = in;
  for (;;) {
    const Cursor name = in;
    if (!skipString(in) || isDuplicate(first, name)) return false;
    in.skipBlanks();
    if (!in.skip(':')) return false;
    in.skipBlanks();
    if (!skipValue(in, depth)) return false;
    in.skipBlanks();
    if (in.skip('}')) return true;
    if (!in.skip(',')) return false;
    in.skipBlanks();
  }
}

bool skipElements(Cursor& in, int depth) {
  in.skipBlanks();
  if (in.skip(']')) return true;
  for (;;) {
    if (!skipValue(in, depth)) return false;
    in.skipBlanks();
    if (in.skip(']')) return true;
    if (!in.skip(',')) return false;
    in.skipBlanks();
  }
}

bool skipValue(Cursor& in, int depth) {
  const bool isContainer = in.peek() == '{' || in.peek() == '[';
  if (isContainer && depth == kMaxDepth) return false;
  switch (in.peek()) {
    case '{':
      ++in.at;
      return skipMembers(in, depth + 1);
    case '[':
      ++in.at;
      return skipElements(in, depth + 1);
    case '"':
      return skipString(in);
    case 't':
      return skipWord(in, "true");
    case 'f':
      return skipWord(in, "false");
    case 'n':
      return skipWord(in, "null");
    default:
      return skipNumber(in);
  }
}

/** Bytes of the character in UTF-8, written to `out`. */
size_t encodeUtf8(uint32_t codePoint, char out[4]) {
  if (codePoint < 0x80) {
    out[0] = static_cast<char>(codePoint);
    return 1;
  }
  if (codePoint < 0x800) {
    out[0] = static_cast<char>(0xC0U | (codePoint >> 6));
    out[1] = static_cast<char>(0x80U | (codePoint & 0x3FU));
    return 2;
  }
  if (codePoint < 0x10000) {
    out[0] = static_cast<char>(0xE0U | (codePoint >> 12));
    out[1] = static_cast<char>(0x80U | ((codePoint >> 6) & 0x3FU));
    out[2] = static_cast<char>(0x80U | (codePoint & 0x3FU));
    return 3;
  }
  out[0] = static_cast<char>(0xF0U | (codePoint >> 18));
  out[1] = static_cast<char>(0x80U | ((codePoint >> 12) & 0x3FU));
  out[2] = static_cast<char>(0x80U | ((codePoint >> 6) & 0x3FU));
  out[3] = static_cast<char>(0x80U | (codePoint & 0x3FU));
  return 4;
}

}  // namespace

bool Json::parse(const char* text, size_t length, Json& root) {
  Cursor in{text, text + length};
  in.skipBlanks();
  const char* start = in.at;
  if (!skipValue(in, 0)) return false;
  in.skipBlanks();
  if (!in.isDone()) return false;
  root = Json(start, text + length);
  return true;
}

Json Json::member(const char* name) const {
  if (!isObject()) return {};
  Cursor in{start_ + 1, end_};
  in.skipBlanks();
  const size_t length = strlen(name);
  while (in.peek() == '"') {
    const Json key(in.at, end_);
    skipString(in);
    in.skipBlanks();
    in.skip(':');
    in.skipBlanks();
    if (key.equals(name, length)) return {in.at, end_};
    skipCheckedValue(in);
    in.skipBlanks();
    in.skip(',');
    in.skipBlanks();
  }
  return {};
}

Json Json::firstElement() const {
  if (!isArray()) return {};
  Cursor in{start_ + 1, end_};
  in.skipBlanks();
  return in.peek() == ']' ? Json() : Json(in.at, end_);
}

Json Json::nextElement() const {
  if (!isThere()) return {};
  Cursor in{start_, end_};
  skipCheckedValue(in);
  in.skipBlanks();
  if (!in.skip(',')) return {};
  in.skipBlanks();
  return {in.at, end_};
}

bool Json::copyString(char* out, size_t capacity) const {
  if (!isString() || capacity == 0) return false;
  Cursor in{start_ + 1, end_};
  for (size_t used = 0;;) {
    uint32_t codePoint = 0;
    const Step step = takeCharacter(in, codePoint);
    if (step == Step::malformed) return false;
    if (step == Step::end) {
      out[used] = '\0';
      return true;
    }
    char bytes[4];
    const size_t count = encodeUtf8(codePoint, bytes);
    if (codePoint == 0 || capacity - used <= count) return false;
    memcpy(out + used, bytes, count);
    used += count;
  }
}

bool Json::equals(const char* text, size_t length) const {
  if (!isString()) return false;
  Cursor in{start_ + 1, end_};
  for (size_t at = 0;;) {
    uint32_t codePoint = 0;
    const Step step = takeCharacter(in, codePoint);
    if (step != Step::character) return step == Step::end && at == length;
    char bytes[4];
    const size_t count = encodeUtf8(codePoint, bytes);
    if (length - at < count || memcmp(text + at, bytes, count) != 0) return false;
    at += count;
  }
}

bool Json::toUint53(uint64_t& number) const {
  constexpr uint64_t kLargest = (1ULL << 53) - 1;
  if (!isThere() || !isDigit(*start_)) return false;
  Cursor in{start_, end_};
  number = 0;
  while (isDigit(in.peek())) {
    number = number * 10 + static_cast<uint64_t>(*in.at++ - '0');
    if (number > kLargest) return false;
  }
  // A fraction or exponent would follow; leading zeros did not pass `parse`.
  return in.peek() != '.' && in.peek() != 'e' && in.peek() != 'E';
}

bool Json::toUint32(uint32_t& number) const {
  uint64_t wide = 0;
  if (!toUint53(wide) || wide > UINT32_MAX) return false;
  number = static_cast<uint32_t>(wide);
  return true;
}

bool Json::toInt32(int32_t& number) const {
  if (!isThere()) return false;
  const bool isNegative = *start_ == '-';
  uint32_t size = 0;
  if (!Json(start_ + (isNegative ? 1 : 0), end_).toUint32(size) || size > INT32_MAX) return false;
  number = isNegative ? -static_cast<int32_t>(size) : static_cast<int32_t>(size);
  return true;
}

}  // namespace otter
