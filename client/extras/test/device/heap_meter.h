// How much heap the program takes at its peak, above what it had when the meter was started.

#pragma once

#include <atomic>
#include <cstdint>

namespace device {

/** From now on; the peak goes to `peakBytes` as soon as it is there, and only ever rises. */
void startHeapMeter(std::atomic<uint64_t>& peakBytes);

}  // namespace device
