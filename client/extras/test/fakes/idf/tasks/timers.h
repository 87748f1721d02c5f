// For the fakes that wait: timers run out while a task waits.

#pragma once

#include <cstdint>

namespace fakes {

/** Runs the callbacks of timers that are due. */
void runDueTimers();
/** Microseconds until the next one is; UINT64_MAX where none runs. */
uint64_t untilNextTimerUs();

}  // namespace fakes
