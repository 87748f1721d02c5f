// Two ways: AddressSanitizer counts by itself; else `malloc` and its family are ours and count before they hand on to
// glibc.

#include "heap_meter.h"

#include <malloc.h>

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
// `sanitizer/allocator_interface.h`, which Debian's g++ does not bring.
extern "C" {
size_t __sanitizer_get_current_allocated_bytes();
int __sanitizer_install_malloc_and_free_hooks(void (*onAllocated)(const volatile void*, size_t),
                                              void (*onFreed)(const volatile void*));
}
#endif

namespace device {
namespace {

std::atomic<std::atomic<uint64_t>*> peak{nullptr};
std::atomic<int64_t> startedAtBytes{0};

void note(int64_t usedBytes) {
  std::atomic<uint64_t>* bytes = peak.load(std::memory_order_relaxed);
  if (bytes == nullptr || usedBytes <= startedAtBytes) return;
  const auto aboveStart = static_cast<uint64_t>(usedBytes - startedAtBytes);
  uint64_t before = bytes->load();
  while (aboveStart > before && !bytes->compare_exchange_weak(before, aboveStart)) {
  }
}

#if defined(__SANITIZE_ADDRESS__)
int64_t used() { return static_cast<int64_t>(__sanitizer_get_current_allocated_bytes()); }
void onAllocated(const volatile void*, size_t) { note(used()); }
void onFreed(const volatile void*) {}
#else
std::atomic<int64_t> usedBytes{0};
int64_t used() { return usedBytes; }
#endif

}  // namespace

void startHeapMeter(std::atomic<uint64_t>& peakBytes) {
  startedAtBytes = used();
  peak = &peakBytes;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_install_malloc_and_free_hooks(onAllocated, onFreed);
#endif
}

}  // namespace device

#if !defined(__SANITIZE_ADDRESS__)

extern "C" {

void* __libc_malloc(size_t count);
void* __libc_calloc(size_t items, size_t count);
void* __libc_realloc(void* memory, size_t count);
void __libc_free(void* memory);

static void* counted(void* memory) {
  if (memory != nullptr) {
    const auto bytes = static_cast<int64_t>(malloc_usable_size(memory));
    device::note(device::usedBytes.fetch_add(bytes) + bytes);
  }
  return memory;
}

static void uncount(void* memory) {
  if (memory != nullptr) device::usedBytes -= static_cast<int64_t>(malloc_usable_size(memory));
}

void* malloc(size_t count) { return counted(__libc_malloc(count)); }

void* calloc(size_t items, size_t count) { return counted(__libc_calloc(items, count)); }

void* realloc(void* memory, size_t count) {
  const int64_t before = memory == nullptr ? 0 : static_cast<int64_t>(malloc_usable_size(memory));
  void* made = __libc_realloc(memory, count);
  if (made == nullptr && count > 0) return nullptr;
  device::usedBytes -= before;
  return counted(made);
}

void free(void* memory) {
  uncount(memory);
  __libc_free(memory);
}

}  // extern "C"

#endif
