// A NOR flash: erasing sets the bits of a 4 KiB sector, programming only clears bits. In memory, or in a file that
// keeps its content over the death of a process. It knows nothing of partitions.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "board/flash/power.h"

namespace board {

constexpr uint32_t kSectorBytes = 4096;

/** What a worn or dying flash refuses; for tests of error paths. */
struct FlashFaults {
  bool erase = false;
  bool program = false;
  bool read = false;
};

class Flash {
 public:
  /**
   * @param sizeBytes of a new flash; a file that is there keeps its size.
   * @param file      empty: in memory. A file that is not there is made, erased. Throws `std::runtime_error`.
   */
  Flash(Power& power, uint32_t sizeBytes, const std::string& file);
  ~Flash();
  Flash(const Flash&) = delete;
  Flash& operator=(const Flash&) = delete;

  uint32_t sizeBytes() const { return sizeBytes_; }
  const uint8_t* at(uint32_t address) const { return bytes_ + address; }

  /** One operation. `address` is that of a sector. False where the chip refuses. */
  bool eraseSector(uint32_t address);
  /** One operation for each sector that it touches. False where the chip refuses. */
  bool program(uint32_t address, const uint8_t* data, size_t count);
  bool read(uint32_t address, uint8_t* data, size_t count) const;

  /** By cable: erases the sectors and writes, without the power model. */
  void burn(uint32_t address, const uint8_t* data, size_t count);
  void burnErased(uint32_t address, uint32_t count);

  /** Programs that wanted to set a bit: always a mistake of the caller. */
  uint32_t programsWithoutErase() const { return programsWithoutErase_; }

  FlashFaults faults;

 private:
  void programInSector(uint32_t address, const uint8_t* data, size_t count);

  Power& power_;
  uint32_t sizeBytes_;
  uint8_t* bytes_;
  uint32_t programsWithoutErase_ = 0;
};

}  // namespace board
