// What can go wrong, as one small value that explains itself. Numbers, names and texts are those of the protocol
// (`error_table.h` is generated), the same that the server shows to its operators.

#pragma once

#include <stdint.h>

#include "error_table.h"

namespace otter {

enum class Error : uint8_t {
  ok = 0,
#define OTTER_ENUM(number, name, text, retryable, fault) name = number,
  OTTER_ERROR_TABLE(OTTER_ENUM)
#undef OTTER_ENUM
};

/** Whose doing it was; only `firmware` counts against a build at once. */
enum class Fault : uint8_t { network, device, firmware, server };

/** The name on the wire, such as `pin_mismatch`; `ok` for no error. */
const char* nameOf(Error error);

/** One sentence for people. */
const char* textOf(Error error);

/** True where the same attempt may succeed later. */
bool isRetryable(Error error);

Fault faultOf(Error error);

}  // namespace otter
