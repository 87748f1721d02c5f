// Builds a text in a buffer of fixed size. What does not fit is left out and `isWhole` says so; it never writes beyond.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace otter {

class TextBuffer {
 public:
  TextBuffer(char* bytes, size_t capacity) : bytes_(bytes), capacity_(capacity) { bytes_[0] = '\0'; }

  TextBuffer& add(const char* text) { return add(text, strlen(text)); }

  TextBuffer& add(const char* text, size_t count) {
    if (capacity_ - used_ <= count) {
      isWhole_ = false;
      return *this;
    }
    memcpy(bytes_ + used_, text, count);
    used_ += count;
    bytes_[used_] = '\0';
    return *this;
  }

  TextBuffer& addNumber(uint64_t number) {
    char digits[20];
    size_t count = 0;
    do {
      digits[sizeof digits - ++count] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return add(digits + sizeof digits - count, count);
  }

  TextBuffer& addSigned(int64_t number) {
    if (number < 0) add("-");
    return addNumber(number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number));
  }

  /** As a JSON string with its quotes. Control characters become blanks: they are of no use to anybody. */
  TextBuffer& addJson(const char* text) {
    add("\"");
    for (; *text != '\0'; ++text) {
      const char c = static_cast<uint8_t>(*text) < 0x20 ? ' ' : *text;
      if (c == '"' || c == '\\') add("\\");
      add(&c, 1);
    }
    return add("\"");
  }

  size_t size() const { return used_; }
  /** False where something was left out. */
  bool isWhole() const { return isWhole_; }

 private:
  char* bytes_;
  size_t capacity_;
  size_t used_ = 0;
  bool isWhole_ = true;
};

}  // namespace otter
