#include "program.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <thread>

#include "shared.h"
#include "sketch.h"

namespace device {
namespace {

/** SIGINT and SIGTERM end the program like a pulled plug, but between two operations. */
void startSignalThread() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  // Before any other thread is made, so that all of them leave the signals to this one.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int number = 0;
    sigwait(&signals, &number);
    const std::lock_guard<std::recursive_mutex> lock(board::Board::current().power.mutex());
    _exit(kExitUnplugged);
  }).detach();
}

void keepRtcMemory(Shared& shared) {
  const board::RtcMemory memory = board::rtcMemory();
  std::memcpy(shared.rtcMemory, memory.begin, memory.bytes);
}

void wakeRtcMemory(const Options& options, const Shared& shared) {
  const board::RtcMemory memory = board::rtcMemory();
  std::memcpy(memory.begin, shared.rtcMemory, memory.bytes);
  if (options.losesRtcBits) memory.begin[memory.bytes / 4] ^= 1;
}

}  // namespace

void runProgram(const Options& options, uint8_t slot, board::ResetReason reason) {
  const rlimit noCoreFile{0, 0};
  setrlimit(RLIMIT_CORE, &noCoreFile);
  // A supervisor that is killed takes the board with it.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  Shared& shared = openShared(options.boardFolder, false);
  const auto fuses = readFuses(options.boardFolder);
  if (!fuses) throw std::runtime_error("no board in " + options.boardFolder);
  board::BoardOptions settings = boardOptions(options, *fuses);
  settings.seed = std::random_device()();
  board::Board board(settings);
  board.power.keepCountIn(&shared.operations);
  board.cutAt(shared.cutAt, options.tear);
  board.power.onPowerCut = [](const board::PowerCut&) { _exit(kExitPowerCut); };
  board.power.onRestart = [&shared](const board::Restart& restart) {
    if (restart.reason == board::ResetReason::deep_sleep) keepRtcMemory(shared);
    _exit(kExitRestart + static_cast<int>(restart.reason));
  };
  if (reason == board::ResetReason::deep_sleep) wakeRtcMemory(options, shared);
  startSignalThread();
  board.clock.runAtSpeed(options.speed, options.restSpeed);
  board.resumeRunning(slot, reason);
  runSketch(options, shared);
}

std::optional<Fuses> readFuses(const std::string& folder) {
  std::ifstream file(folder + "/efuse");
  Fuses fuses{};
  std::string mac;
  if (!(file >> fuses.chip >> mac)) return std::nullopt;
  unsigned bytes[6];
  if (std::sscanf(mac.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
                  &bytes[5]) != 6) {
    return std::nullopt;
  }
  for (size_t i = 0; i < fuses.mac.size(); ++i) fuses.mac[i] = static_cast<uint8_t>(bytes[i]);
  return fuses;
}

void writeFuses(const std::string& folder, const Fuses& fuses) {
  char mac[18];
  std::snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", fuses.mac[0], fuses.mac[1], fuses.mac[2],
                fuses.mac[3], fuses.mac[4], fuses.mac[5]);
  std::ofstream file(folder + "/efuse");
  file << fuses.chip << '\n' << mac << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + folder + "/efuse");
}

board::BoardOptions boardOptions(const Options& options, const Fuses& fuses) {
  board::BoardOptions made;
  made.folder = options.boardFolder;
  made.chip = fuses.chip;
  made.mac = fuses.mac;
  made.slotBytes = options.slotBytes.value_or(made.slotBytes);
  made.slotCount = options.slotCount.value_or(made.slotCount);
  made.bootloader = options.bootloader;
  made.product = options.product;
  made.version = options.version;
  return made;
}

}  // namespace device
