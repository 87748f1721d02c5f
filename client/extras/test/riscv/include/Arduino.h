// As much of Arduino as the public face mentions, for a compiler without a C++ standard library: only to measure its
// size.

#pragma once

#include <stddef.h>
#include <stdint.h>

class Print {
 public:
  size_t print(const char* text);
  size_t println(const char* text);
};

// The log of the core at its level "none".
#define log_i(...)
#define log_w(...)
#define log_e(...)

class Printable {
 public:
  virtual size_t printTo(Print& out) const = 0;
};
