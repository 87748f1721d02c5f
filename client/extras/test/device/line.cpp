#include "line.h"

#include <unistd.h>

#include <cstdio>

namespace device {

Line::Line(const char* event) {
  add('{');
  text("event", event);
}

Line& Line::text(const char* name, const char* value) {
  addName(name);
  add('"');
  for (const char* at = value; *at != '\0'; ++at) {
    if (*at == '"' || *at == '\\') {
      add('\\');
      add(*at);
    } else if (static_cast<unsigned char>(*at) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(*at));
      addText(escape);
    } else {
      add(*at);
    }
  }
  add('"');
  return *this;
}

Line& Line::number(const char* name, uint64_t value) {
  addName(name);
  char digits[24];
  std::snprintf(digits, sizeof digits, "%llu", static_cast<unsigned long long>(value));
  addText(digits);
  return *this;
}

void Line::write() {
  add('}');
  add('\n');
  size_t written = 0;
  while (written < count_) {
    const ssize_t now = ::write(STDOUT_FILENO, bytes_ + written, count_ - written);
    if (now <= 0) return;
    written += static_cast<size_t>(now);
  }
}

void Line::add(char character) {
  if (count_ < sizeof bytes_) bytes_[count_++] = character;
}

void Line::addText(const char* text) {
  for (const char* at = text; *at != '\0'; ++at) add(*at);
}

void Line::addName(const char* name) {
  if (count_ > 1) add(',');
  add('"');
  addText(name);
  addText("\":");
}

}  // namespace device
