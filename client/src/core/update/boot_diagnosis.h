// What happened before this start: pure, from the journal and what the bootloader left behind. The order of the cases
// in `diagnoseBoot` is the table of docs: client/README.md, "What the board knows after a restart".

#pragma once

#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"
#include "../memory/journal.h"

namespace otter {

/** What the board finds when it starts. */
struct BootFacts {
  uint8_t runningSlot;
  ImageState runningState;
  /** The running image is the one of the journal, as far as its identity is known. */
  bool isJournalImage;
  /** otadata says that the slot of the journal was left. */
  bool wasTargetLeft;
  ResetReason resetReason;
};

enum class BootCase : uint8_t {
  /** A build that was confirmed before, and nothing open. */
  settled,
  /** This build is on trial. */
  on_trial,
  /** This build is on trial, failed, and the bootloader cannot take it back: the library must. */
  trial_failed,
  /** This build was marked valid, and the power went before the journal said so. */
  was_confirmed,
  /** The previous build runs again. */
  came_back
};

struct BootDiagnosis {
  BootCase bootCase;
  /** With `came_back` and `trial_failed`: why. */
  Error cause;
  /** With `came_back`: the new build never ran. */
  bool neverRan;
};

BootDiagnosis diagnoseBoot(const Journal& journal, const BootFacts& facts);

}  // namespace otter
