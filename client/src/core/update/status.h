// Where things stand, for the sketch.

#pragma once

#include <stdint.h>

#include "../error.h"

namespace otter {

/** What the client is doing. The table of transitions is in `update_machine.h`. */
enum class State : uint8_t {
  idle,
  checking,
  downloading,
  staged,
  staged_checking,
  installing,
  trial,
  trial_checking,
  trial_health,
  restarting
};

const char* nameOf(State state);

/** A copy of where things stand. */
struct Status {
  State state;
  Error lastError;
  /** The version that is downloading or waiting to be installed; empty where there is none. */
  char offeredVersion[32];
  uint32_t doneBytes;
  uint32_t totalBytes;
  /** Seconds since the server last answered a check; UINT32_MAX before the first. */
  uint32_t lastCheckAgeS;
  /** Seconds until the next check. */
  uint32_t nextCheckInS;
  /** False where the bootloader cannot go back by itself: then the library does what it can. */
  bool canRollBack;
};

}  // namespace otter
