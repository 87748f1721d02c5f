// The firmware of `otter-device`: one sketch that uses the library as any sketch does, and behaves as the image that
// was booted says (`otter-device:WORD;`).

#pragma once

#include "options.h"
#include "shared.h"

namespace device {

/** Runs the sketch on the current board. Ends the process where an `--until` is reached or a setting is wrong. */
[[noreturn]] void runSketch(const Options& options, Shared& shared);

}  // namespace device
