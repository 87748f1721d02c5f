// A device in one process: the board model, the library's own ESP32 layer and engine, and the server in memory. A boot
// that ends, by a restart, a crash or a power cut, is followed by the next one, until nothing is left to do.

#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "board/board.h"
#include "core/engine/engine.h"
#include "memory_server.h"

namespace testing {

struct ToldEvent {
  otter::Event event;
  otter::Error error;
  std::string version;
};

class TestDevice {
 public:
  explicit TestDevice(const board::BoardOptions& options) : board(options) {}

  board::Board board;
  MemoryServer server;
  otter::Settings settings;
  std::vector<ToldEvent> events;
  /** The same events, as the log tells them. */
  std::vector<std::string> lines;
  /** What a build does, by its version, apart from the script in its image. */
  std::function<bool()> isIdle = [] { return true; };
  std::function<const char*()> canUpdate = [] { return static_cast<const char*>(nullptr); };
  /** Called after each start, before the library runs. */
  std::function<void()> onBoot = [] {};
  /** Called before each step; true ends the run. */
  std::function<bool(otter::Engine&)> stopWhen = [](otter::Engine&) { return false; };

  /** It goes on where nothing is left to do, until `stopWhen` says so. */
  bool staysOn = false;

  /** Runs boot after boot until the device rests. False where no image boots, or it does not come to rest. */
  bool runToRest();

  bool saw(otter::Event event, otter::Error error = otter::Error::ok) const;
  /** Why the last run ended badly. */
  std::string trouble;
  int boots = 0;

 private:
  bool runOnce(bool& isAtRest);
  board::ResetReason next_ = board::ResetReason::power_on;
};

/** What stands in NVS. */
otter::Journal readJournal();
/** As if the image had failed here before. */
void rememberFailures(const board::Bytes& image, uint8_t failures);
/** SHA-256 of an image, as the journal has it. */
std::array<uint8_t, 32> sha256Of(const board::Bytes& image);

}  // namespace testing
