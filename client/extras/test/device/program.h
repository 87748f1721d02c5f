// One boot of the application, in a process of its own that ends where the chip resets.

#pragma once

#include "options.h"

namespace device {

/** Takes the board over from the supervisor, which has run the bootloader, and runs the sketch. */
[[noreturn]] void runProgram(const Options& options, uint8_t slot, board::ResetReason reason);

/** What the fuses of a board say: set when it is made. */
struct Fuses {
  std::string chip;
  std::array<uint8_t, 6> mac;
};
/** Nothing where there is no board in this folder yet. */
std::optional<Fuses> readFuses(const std::string& folder);
void writeFuses(const std::string& folder, const Fuses& fuses);
board::BoardOptions boardOptions(const Options& options, const Fuses& fuses);

}  // namespace device
