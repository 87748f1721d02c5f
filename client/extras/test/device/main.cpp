// `otter-device`: a board on this computer that runs the real library against a real server. `--help` says how.

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "options.h"
#include "program.h"
#include "supervisor.h"

int main(int count, char** words) {
  std::vector<std::string> arguments(words + 1, words + count);
  try {
    // How the supervisor starts this program for one boot; not for people.
    if (arguments.size() >= 3 && arguments[0] == "--run-slot") {
      const auto slot = static_cast<uint8_t>(std::atoi(arguments[1].c_str()));
      const auto reason = static_cast<board::ResetReason>(std::atoi(arguments[2].c_str()));
      arguments.erase(arguments.begin(), arguments.begin() + 3);
      device::runProgram(device::parseOptions(arguments), slot, reason);
    }
    const device::Options options = device::parseOptions(arguments);
    if (options.isHelpWanted) {
      std::fputs(device::usage().c_str(), stdout);
      return 0;
    }
    return device::supervise(options, arguments);
  } catch (const device::UsageError& error) {
    std::fprintf(stderr, "otter-device: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "otter-device: %s\n", error.what());
    return 70;
  }
}
