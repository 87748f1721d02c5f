// Plays what is outside of the program: the factory that makes and flashes a board, power, bootloader, watchdog and
// reset.

#pragma once

#include <string>
#include <vector>

#include "options.h"

namespace device {

/** Runs the board until the end that the options want. Answers the exit code. Throws `UsageError`. */
int supervise(const Options& options, const std::vector<std::string>& arguments);

}  // namespace device
