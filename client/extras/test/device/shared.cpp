#include "shared.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <stdexcept>

namespace device {

Shared& openShared(const std::string& folder, bool isSupervisor) {
  const std::string path = folder + "/rtc";
  // The supervisor's descriptor stays open for the lock, and is not handed on.
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) throw std::runtime_error("cannot open " + path);
  if (isSupervisor && flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    throw std::runtime_error(folder + " is a board that runs already");
  }
  if (ftruncate(descriptor, sizeof(Shared)) != 0) throw std::runtime_error("no room for " + path);
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no memory for " + path);
  if (!isSupervisor) close(descriptor);
  if (isSupervisor) std::memset(memory, 0, sizeof(Shared));
  return *static_cast<Shared*>(memory);
}

uint64_t wallMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace device
