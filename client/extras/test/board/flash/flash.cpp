#include "board/flash/flash.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace board {

Flash::Flash(Power& power, uint32_t sizeBytes, const std::string& file) : power_(power), sizeBytes_(sizeBytes) {
  int descriptor = -1;
  bool isNew = true;
  if (!file.empty()) {
    descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    struct stat info {};
    if (descriptor < 0 || fstat(descriptor, &info) != 0) throw std::runtime_error("cannot open " + file);
    isNew = info.st_size == 0;
    if (!isNew) sizeBytes_ = static_cast<uint32_t>(info.st_size);
    if (isNew && ftruncate(descriptor, static_cast<off_t>(sizeBytes)) != 0) {
      close(descriptor);
      throw std::runtime_error("no room for " + file);
    }
  }
  if (sizeBytes_ % kSectorBytes != 0) throw std::runtime_error("a flash has whole sectors of 4096 bytes");
  // A shared mapping: what is written stays in the file, however the process dies.
  void* memory = mmap(nullptr, sizeBytes_, PROT_READ | PROT_WRITE,
                      descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, descriptor, 0);
  if (descriptor >= 0) close(descriptor);
  if (memory == MAP_FAILED) throw std::runtime_error("no memory for the flash");
  bytes_ = static_cast<uint8_t*>(memory);
  if (isNew) std::memset(bytes_, 0xFF, sizeBytes_);
}

Flash::~Flash() { munmap(bytes_, sizeBytes_); }

bool Flash::eraseSector(uint32_t address) {
  if (faults.erase || address % kSectorBytes != 0 || address >= sizeBytes_) return false;
  uint8_t* sector = bytes_ + address;
  power_.operate([&] { std::memset(sector, 0xFF, kSectorBytes); }, [&] { std::memset(sector, 0xFF, kSectorBytes / 2); },
                 [&] { std::generate_n(sector, kSectorBytes, [&] { return power_.noise(); }); });
  return true;
}

bool Flash::program(uint32_t address, const uint8_t* data, size_t count) {
  if (faults.program || count > sizeBytes_ || address > sizeBytes_ - count) return false;
  while (count > 0) {
    const size_t room = kSectorBytes - address % kSectorBytes;
    const size_t now = std::min(count, room);
    programInSector(address, data, now);
    address += static_cast<uint32_t>(now);
    data += now;
    count -= now;
  }
  return true;
}

void Flash::programInSector(uint32_t address, const uint8_t* data, size_t count) {
  uint8_t* target = bytes_ + address;
  for (size_t i = 0; i < count; ++i) {
    if ((data[i] & ~target[i]) == 0) continue;
    ++programsWithoutErase_;
    break;
  }
  const auto clear = [&](size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) target[i] = static_cast<uint8_t>(target[i] & data[i]);
  };
  power_.operate([&] { clear(count); }, [&] { clear(count / 2); },
                 [&] {
                   // Of the bits that should fall, some have fallen.
                   for (size_t i = 0; i < count; ++i) {
                     target[i] = static_cast<uint8_t>(target[i] & (data[i] | power_.noise()));
                   }
                 });
}

bool Flash::read(uint32_t address, uint8_t* data, size_t count) const {
  if (faults.read || count > sizeBytes_ || address > sizeBytes_ - count) return false;
  std::memcpy(data, bytes_ + address, count);
  return true;
}

void Flash::burn(uint32_t address, const uint8_t* data, size_t count) {
  const auto sectors = static_cast<uint32_t>((count + kSectorBytes - 1) / kSectorBytes);
  burnErased(address, sectors * kSectorBytes);
  std::memcpy(bytes_ + address, data, count);
}

void Flash::burnErased(uint32_t address, uint32_t count) {
  if (count > sizeBytes_ || address > sizeBytes_ - count) throw std::runtime_error("does not fit into the flash");
  std::memset(bytes_ + address, 0xFF, count);
}

}  // namespace board
