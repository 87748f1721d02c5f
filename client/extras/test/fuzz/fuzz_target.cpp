#include "fuzz_target.h"

#include <cstdio>
#include <cstdlib>

namespace fuzz {
namespace {

bool isRunning = false;

}  // namespace

Running::Running() { isRunning = true; }

Running::~Running() { isRunning = false; }

void require(bool holds) {
  if (holds) return;
  std::fputs("an invariant does not hold\n", stderr);
  std::abort();
}

}  // namespace fuzz

/** Called by the sanitizer for every piece of heap (`sanitizer/allocator_interface.h`). */
extern "C" void __sanitizer_malloc_hook(const volatile void*, size_t bytes) {
  if (!fuzz::isRunning || bytes <= fuzz::kMaxAllocationBytes) return;
  fuzz::isRunning = false;
  std::fprintf(stderr, "a piece of %zu bytes was allocated\n", bytes);
  std::abort();
}
