// What a board holds against a build: as the server does (docs/device-protocol.md), so that also a wrong offer cannot
// bring a bad one back. Pure.

#pragma once

#include <stdint.h>

#include "../error.h"
#include "journal.h"

namespace otter {

/** Added to the failures of an image after an attempt that ended so; `kKnownBadFailures` of them make it known bad. */
uint8_t weightOfFailure(ReportStatus status, Error error);

}  // namespace otter
