// Non-volatile storage: keys with values, each written whole. In memory, or one file per key. A torn write loses the
// value or leaves noise of the same length, which is worse than what ESP-IDF promises: who survives this survives that.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "board/flash/power.h"

namespace board {

using Bytes = std::vector<uint8_t>;

class Nvs {
 public:
  /** @param folder empty: in memory. Made where it is not there. */
  Nvs(Power& power, const std::string& folder);

  std::optional<Bytes> load(const std::string& space, const std::string& key) const;
  /** One operation, none where the value is already there. False: name too long (15 characters), or no room. */
  bool save(const std::string& space, const std::string& key, const Bytes& value);
  /** One operation. False where there was nothing. */
  bool remove(const std::string& space, const std::string& key);
  bool hasSpace(const std::string& space) const;
  /** What `initArduino` does where the pages are unreadable: everything is gone. Not an operation. */
  void eraseAll();

  /** Every save fails, as with full pages (`ESP_ERR_NVS_NOT_ENOUGH_SPACE`). */
  bool isFull = false;

 private:
  void put(const std::string& name, const Bytes& value);
  void drop(const std::string& name);

  Power& power_;
  std::string folder_;
  /** By `space.key`. With a folder, a copy of what the files hold. */
  std::map<std::string, Bytes> values_;
};

}  // namespace board
