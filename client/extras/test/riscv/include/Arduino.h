// As much of Arduino as the public face mentions, for a compiler without a C++ standard library: only to measure its
// size.

#pragma once

#include <stddef.h>
#include <stdint.h>

class Print {
 public:
  size_t print(const char* text);
};

class Printable {
 public:
  virtual size_t printTo(Print& out) const = 0;
};
