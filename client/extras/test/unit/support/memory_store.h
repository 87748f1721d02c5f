// Non-volatile memory in memory, which may fail or tear a write.

#pragma once

#include <cstring>
#include <map>
#include <string>

#include "hal/hal.h"

namespace otter_test {

class MemoryStore final : public otter::Store {
 public:
  std::map<std::string, std::string> blobs;
  /** The next write says `nvs` and leaves this many of its bytes; -1: it works. */
  int tearAt = -1;
  std::string lastKey;

  size_t load(const char* key, uint8_t* bytes, size_t capacity) override {
    const auto found = blobs.find(key);
    if (found == blobs.end() || found->second.size() > capacity) return 0;
    std::memcpy(bytes, found->second.data(), found->second.size());
    return found->second.size();
  }

  otter::Error save(const char* key, const uint8_t* bytes, size_t count) override {
    lastKey = key;
    const std::string blob(reinterpret_cast<const char*>(bytes), count);
    if (tearAt >= 0) {
      if (tearAt > 0) blobs[key] = blob.substr(0, static_cast<size_t>(tearAt));
      tearAt = -1;
      return otter::Error::nvs;
    }
    blobs[key] = blob;
    return otter::Error::ok;
  }
};

}  // namespace otter_test
