// What to do about an error, in a sentence for the one who reads the log of a board. The error itself says what is
// wrong (`textOf`).

#pragma once

#include "../error.h"

namespace otter {

/** Ends in a full stop or a question mark. Empty for no error. */
const char* adviceOn(Error error);

}  // namespace otter
