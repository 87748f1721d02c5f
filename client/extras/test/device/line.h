// One JSON object per line on standard output, written at once: the events of `otter-device`. Several threads and
// processes write to the same pipe, so a line is one write and never longer than a pipe takes in one piece.

#pragma once

#include <cstddef>
#include <cstdint>

namespace device {

class Line {
 public:
  explicit Line(const char* event);
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  Line& text(const char* name, const char* value);
  Line& number(const char* name, uint64_t value);
  /** Ends the line and writes it. */
  void write();

 private:
  void add(char character);
  void addText(const char* text);
  void addName(const char* name);

  char bytes_[1024];
  size_t count_ = 0;
};

}  // namespace device
