#include "supervisor.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "line.h"
#include "program.h"
#include "shared.h"

namespace device {
namespace {

using board::Board;
using board::ResetReason;

/** The task watchdog of ESP-IDF, in board time. */
constexpr double kWatchdogMs = 5000;
/** However fast the board's clock is: a busy computer may not run us for this long. */
constexpr double kLeastWatchdogMs = 3000;
/** What a chip needs from reset to `setup()`, in board time. */
constexpr double kBootMs = 100;
constexpr int kExitNotReached = 3;
constexpr int kExitNoImage = 4;
constexpr int kExitBroken = 70;

board::Bytes readImage(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UsageError("--flash " + path + ": cannot be read");
  return board::Bytes(std::istreambuf_iterator<char>(file), {});
}

/** The chip that an image is for, by its header. */
const board::Chip* chipOf(const board::Bytes& image) {
  if (image.size() < board::kImageHeaderBytes || image[0] != 0xE9) return nullptr;
  return board::chipWithId(static_cast<uint16_t>(image[12] | image[13] << 8));
}

/** Makes the board where it is not there yet. */
Fuses prepareBoard(const Options& options, const board::Bytes& image) {
  if (const auto fuses = readFuses(options.boardFolder)) {
    if (!options.chip.empty() && options.chip != fuses->chip) {
      throw UsageError("--chip " + options.chip + ": this board is an " + fuses->chip);
    }
    if (options.mac && *options.mac != fuses->mac) throw UsageError("--mac: this board has another one in its fuses");
    return *fuses;
  }
  if (options.flashFile.empty()) {
    throw UsageError(options.boardFolder + " is a new board with nothing in its flash: add --flash FILE");
  }
  const board::Chip* chip = options.chip.empty() ? chipOf(image) : board::chipNamed(options.chip);
  if (chip == nullptr && !options.chip.empty()) throw UsageError("--chip " + options.chip + ": no such chip");
  if (chip == nullptr) throw UsageError("--flash " + options.flashFile + ": not an image of an ESP32 application");
  std::filesystem::create_directories(options.boardFolder);
  const Fuses fuses{chip->name, options.mac.value_or(board::BoardOptions().mac)};
  writeFuses(options.boardFolder, fuses);
  return fuses;
}

void requireLayout(const Options& options, const Board& board) {
  const board::Layout& layout = board.layout();
  if (options.slotCount && *options.slotCount != layout.size()) {
    throw UsageError("--slots: this board has " + std::to_string(layout.size()));
  }
  if (options.slotBytes && *options.slotBytes != layout[0].sizeBytes) {
    throw UsageError("--slot-bytes: the slots of this board have " + std::to_string(layout[0].sizeBytes));
  }
}

void flashImage(const Options& options, Board& board, const board::Bytes& image) {
  if (image.size() > board.layout()[0].sizeBytes) {
    throw UsageError("--flash " + options.flashFile + ": larger than a slot of this board");
  }
  if (!board::verifyImage(image.data(), image.size(), board.chip())) {
    throw UsageError("--flash " + options.flashFile + ": not a whole image for " + board.chip().name);
  }
  board.flashByCable(image);
}

/** Why one boot of the program ended, and what comes next. */
struct End {
  bool isFinal;
  /** The exit code, of the last one. */
  int code;
  ResetReason reason;
};

class Supervisor {
 public:
  Supervisor(const Options& options, const std::vector<std::string>& arguments, Board& board, Shared& shared)
      : options_(options), arguments_(arguments), board_(board), shared_(shared), startedAtMs_(wallMs()) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGCHLD);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    // The program inherits this; its own signal thread waits for them.
    sigprocmask(SIG_BLOCK, &signals_, nullptr);
  }

  int run() {
    ResetReason reason = ResetReason::power_on;
    int code = 0;
    for (bool isFinal = false; !isFinal;) {
      if (reason == ResetReason::deep_sleep) sleep();
      if (reason == ResetReason::power_on) Line("power_on").text("reason", nameOf(reason)).write();
      const End end = boot(reason);
      isFinal = end.isFinal;
      code = end.code;
      reason = end.reason;
    }
    Line("summary")
        .number("operations", shared_.operations)
        .number("received_bytes", shared_.receivedBytes)
        .number("peak_heap_bytes", shared_.peakHeapBytes)
        .text("running_version", runningVersion_.c_str())
        .write();
    return code;
  }

 private:
  void sleep() {
    const double seconds = options_.deepSleepS.value_or(0) / options_.speed;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }

  static End final(int code) { return {true, code, ResetReason::unknown}; }
  static End next(ResetReason reason) { return {false, 0, reason}; }

  End boot(ResetReason reason) {
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(kBootMs / options_.speed));
    std::optional<uint8_t> slot;
    try {
      board_.cutAt(shared_.cutAt, options_.tear);
      slot = board_.powerOn(reason);
    } catch (const board::PowerCut&) {
      return powerCut();
    }
    if (!slot) {
      Line("no_bootable_image").write();
      return final(kExitNoImage);
    }
    const board::Marker marker = board_.markerIn(*slot);
    runningVersion_ = marker.version;
    Line("boot")
        .number("slot", *slot)
        .text("state", nameOf(board_.slotState(*slot).value_or(board::SlotState::undefined)))
        .text("version", marker.version.c_str())
        .text("product", marker.product.c_str())
        .text("script", board_.scriptIn(*slot).c_str())
        .text("reset", nameOf(reason))
        .write();
    shared_.aliveAtMs = wallMs();
    shared_.isPanicWanted = 0;
    return watch(start(*slot, reason));
  }

  pid_t start(uint8_t slot, ResetReason reason) {
    const pid_t process = fork();
    if (process < 0) throw std::runtime_error("cannot start a process");
    if (process > 0) return process;
    std::vector<std::string> words = {"otter-device", "--run-slot", std::to_string(slot),
                                      std::to_string(static_cast<int>(reason))};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    std::vector<char*> pointers;
    // An older program does not know this option; what it needs of it is said by its being run.
    for (auto word = words.begin(); word != words.end(); ++word) {
      if (*word == "--program") {
        ++word;
      } else {
        pointers.push_back(word->data());
      }
    }
    pointers.push_back(nullptr);
    const auto other = options_.programs.find(runningVersion_);
    execv(other == options_.programs.end() ? "/proc/self/exe" : other->second.c_str(), pointers.data());
    _exit(kExitBroken);
  }

  /** Waits for the end of the program, of the time, or for a signal. */
  End watch(pid_t program) {
    const double watchdogMs = std::max(kWatchdogMs / options_.speed, kLeastWatchdogMs);
    for (;;) {
      int status = 0;
      if (waitpid(program, &status, WNOHANG) == program) return explain(status);
      if (options_.forS > 0 && static_cast<double>(wallMs() - startedAtMs_) >= options_.forS * 1000) {
        unplug(program);
        return final(options_.until.empty() ? 0 : kExitNotReached);
      }
      const uint64_t aliveAtMs = shared_.aliveAtMs;
      const uint64_t nowMs = wallMs();
      if (nowMs > aliveAtMs && static_cast<double>(nowMs - aliveAtMs) >= watchdogMs) {
        unplug(program);
        return next(ResetReason::task_watchdog);
      }
      const timespec piece{0, 10 * 1000 * 1000};
      const int number = sigtimedwait(&signals_, nullptr, &piece);
      if (number == SIGINT || number == SIGTERM) {
        unplug(program);
        return final(128 + number);
      }
    }
  }

  /** Ends the program between two operations. */
  void unplug(pid_t program) {
    kill(program, SIGTERM);
    int status = 0;
    while (waitpid(program, &status, 0) < 0 && errno == EINTR) {
    }
  }

  End explain(int status) {
    if (WIFSIGNALED(status)) {
      if (WTERMSIG(status) == SIGABRT && shared_.isPanicWanted != 0) return next(ResetReason::panic);
      std::fprintf(stderr, "otter-device: the program died by signal %d\n", WTERMSIG(status));
      return final(kExitBroken);
    }
    const int code = WEXITSTATUS(status);
    if (code == kExitPowerCut) return powerCut();
    if (code == kExitUntil) return final(0);
    if (code == kExitUsage) return final(kExitUsage);
    if (code == kExitUnplugged) return final(128 + pendingSignal());
    if (code >= kExitRestart && code <= kExitRestart + static_cast<int>(ResetReason::cpu_lockup)) {
      return next(static_cast<ResetReason>(code - kExitRestart));
    }
    std::fprintf(stderr, "otter-device: the program ended with code %d\n", code);
    return final(kExitBroken);
  }

  /** The program had a signal that its whole process group got; here it waits. */
  int pendingSignal() {
    const timespec none{0, 0};
    for (;;) {
      const int number = sigtimedwait(&signals_, nullptr, &none);
      if (number != SIGCHLD) return number > 0 ? number : SIGTERM;
    }
  }

  End powerCut() {
    Line("power_cut").number("operation", shared_.operations).write();
    shared_.cutAt = 0;
    return next(ResetReason::power_on);
  }

  const Options& options_;
  const std::vector<std::string>& arguments_;
  Board& board_;
  Shared& shared_;
  uint64_t startedAtMs_;
  sigset_t signals_;
  std::string runningVersion_;
};

}  // namespace

int supervise(const Options& options, const std::vector<std::string>& arguments) {
  for (const std::string& path : options.releaseKeyFiles) {
    if (!std::ifstream(path)) throw UsageError("--release-key " + path + ": cannot be read");
  }
  const board::Bytes image = options.flashFile.empty() ? board::Bytes() : readImage(options.flashFile);
  const Fuses fuses = prepareBoard(options, image);
  Shared& shared = openShared(options.boardFolder, true);
  Board board(boardOptions(options, fuses));
  board.power.keepCountIn(&shared.operations);
  shared.cutAt = options.cutAt;
  requireLayout(options, board);
  if (!options.flashFile.empty()) flashImage(options, board, image);
  return Supervisor(options, arguments, board, shared).run();
}

}  // namespace device
