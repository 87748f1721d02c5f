#include "sketch.h"

#include <Arduino.h>
#include <OtterOTA.h>
#include <WiFi.h>
#include <esp_ota_ops.h>
#include <esp_sleep.h>
#include <esp_system.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "heap_meter.h"
#include "line.h"

namespace device {
namespace {

// A sketch has globals; callbacks without captures need them.
const Options* options = nullptr;
Shared* shared = nullptr;
OtterOTA* ota = nullptr;
std::string script;
/** Texts given to the library must live on. */
std::vector<std::string> releaseKeys;
unsigned long begunAtMs = 0;
/** The server has answered, or could not be reached. Written by the task of the client, read by loop(). */
std::atomic<bool> hasHeard{false};

/** Between two operations, so that nothing is torn. */
[[noreturn]] void endProcess(int code) {
  const std::lock_guard<std::recursive_mutex> lock(board::Board::current().power.mutex());
  _exit(code);
}

[[noreturn]] void crash() {
  Line("crash").write();
  shared->isPanicWanted = 1;
  std::abort();
}

void onEvent(OtterEvent event, OtterError error) {
  const char* name = otter::nameOf(event);
  Line(name)
      .text("error", error.name())
      .text("version", otter_firmware_marker.version)
      .number("slot", board::Board::current().runningSlot())
      .write();
  if (event == OtterEvent::checked || event == OtterEvent::failed || event == OtterEvent::rejected) hasHeard = true;
  if (std::find(options->until.begin(), options->until.end(), name) != options->until.end()) endProcess(kExitUntil);
}

/** Ends the program at once, as a chip does; the supervisor lets the time pass. */
[[noreturn]] void sleep() {
  Line("deep_sleep").write();
  esp_deep_sleep_start();
}

void onProgress(uint32_t doneBytes, uint32_t totalBytes) {
  Line("progress").number("done", doneBytes).number("total", totalBytes).write();
}

bool isIdle() {
  if (options->idle == "always") return true;
  if (options->idle == "never") return false;
  return access(options->idle.c_str(), F_OK) == 0;
}

OtterHealth failSelfTest() {
  Line("self_test").write();
  return OtterHealth::bad;
}

std::string readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void configure() {
  for (size_t i = 1; i < options->servers.size(); ++i) ota->addServer(options->servers[i].c_str());
  for (size_t i = 1; i < options->pins.size(); ++i) ota->addPin(options->pins[i].c_str());
  for (const std::string& path : options->releaseKeyFiles) releaseKeys.push_back(readFile(path));
  for (const std::string& key : releaseKeys) ota->addReleaseKey(key.c_str());
  if (options->signaturesNeeded) ota->signaturesNeeded(*options->signaturesNeeded);
  for (const std::string& hint : options->labelHints) ota->addLabelHint(hint.c_str());
  if (!options->labelRule.empty()) ota->labelRule(options->labelRule.c_str());
  if (options->intervalS) ota->interval(*options->intervalS);
  if (options->nextCheckS) ota->nextCheckIn(*options->nextCheckS);
  if (options->trialTimeoutS) ota->trialTimeout(*options->trialTimeoutS);
  if (options->longestDeferralS) ota->longestDeferral(*options->longestDeferralS);
  if (options->idleHours) ota->idleHours((*options->idleHours)[0], (*options->idleHours)[1]);
  if (options->appliesByHand) ota->applyByHand();
  if (options->confirmsByHand) ota->confirmByHand();
  if (script == "self-test") ota->healthCheck(failSelfTest);
  ota->logTo(Serial).onEvent(onEvent).onProgress(onProgress).isIdle(isIdle);
}

bool isOnTrial() {
  esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;
  return esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) == ESP_OK &&
         state == ESP_OTA_IMG_PENDING_VERIFY;
}

}  // namespace

void runSketch(const Options& chosen, Shared& memory) {
  options = &chosen;
  shared = &memory;
  board::Board& board = board::Board::current();
  script = board.scriptIn(board.runningSlot());
  board.surroundings.isNetworkUp = script != "no-network";
  board.surroundings.freeHeapBytes = options->freeHeapBytes;
  board.surroundings.largestHeapBlockBytes = std::min(options->freeHeapBytes, uint32_t{110000});
  initArduino();
  setup();
  for (;;) {
    loop();
    shared->aliveAtMs = wallMs();
  }
}

}  // namespace device

using namespace device;

void setup() {
  if (script == "crash") crash();
  if (script == "hang") {
    Line("hang").write();
    for (;;) pause();
  }
  if (script == "no-network") Line("no_network").write();
  WiFi.begin("network", "password");
  const bool isNextPin = !options->nextPin.empty() && esp_reset_reason() == ESP_RST_DEEPSLEEP;
  const std::string& pin = isNextPin ? options->nextPin : options->pins[0];
  static OtterOTA client(options->servers[0].c_str(), pin.c_str(), options->token.c_str());
  ota = &client;
  configure();
  startHeapMeter(shared->peakHeapBytes);
  const OtterError error = ota->begin();
  if (options->deepSleepS) ota->checkNow();
  begunAtMs = millis();
  if (error == otter::Error::settings) endProcess(kExitUsage);
}

void loop() {
  if (script == "crash-later" && millis() - begunAtMs >= 2000) crash();
  if (script == "restarts" && isOnTrial()) ESP.restart();
  if (options->deepSleepS && hasHeard && !ota->isBusy()) sleep();
  // About 10 ms of the wall clock, however fast that of the board is.
  delay(static_cast<uint32_t>(10 * options->speed));
}

extern "C" {

ssize_t __real_recv(int socket, void* bytes, size_t count, int flags);

/** The linker puts this in the place of `recv` (`--wrap=recv`). */
ssize_t __wrap_recv(int socket, void* bytes, size_t count, int flags);
ssize_t __wrap_recv(int socket, void* bytes, size_t count, int flags) {
  const ssize_t received = __real_recv(socket, bytes, count, flags);
  if (received > 0 && shared != nullptr) shared->receivedBytes += static_cast<uint64_t>(received);
  return received;
}

}  // extern "C"
