// The public face: gathers the settings, starts the task, carries commands to the engine and its state back. It decides
// nothing about updates.

#include "OtterOTA.h"

#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>
#include <freertos/task.h>
#include <string.h>

#include "core/log/log_line.h"
#include "core/offer/label_rule.h"
#include "core/trust/pin.h"
#include "core/offer/semver.h"
#include "core/text_buffer.h"
#include "core/trust/signature.h"
#include "hal/esp32.h"
#include "net/certificate_pin.h"
#include "net/tls_connection.h"

namespace {

/** Until `begin()` says otherwise: a sketch that hangs in `setup()` on trial is restarted after this long. */
constexpr uint32_t kGuardBeforeBeginS = 900;
/** The engine ends a trial itself; the guard is for a board on which it cannot. */
constexpr uint32_t kGuardMarginS = 120;
/** Longest wait of the task: a command of the sketch is taken up this soon. */
constexpr uint32_t kLongestRestMs = 100;
constexpr uint32_t kMinTaskStackBytes = 10240;
/** 30 days: what the server believes of a board that sleeps (`protocol/limits.ts`). */
constexpr uint32_t kLongestSleepS = 2592000;

enum Command : uint8_t { kCheck = 1, kApply = 2, kConfirm = 4, kReject = 8 };

constexpr uint32_t kProgressStepPercent = 10;

/** Where the lines of the log go: what the sketch named, or the log of the core. */
class Log final {
 public:
  void write(otter::LogLevel level, const char* line) {
    if (out_ == nullptr) return writeToCore(level, line);
    out_->print("otter: ");
    out_->println(line);
  }

  Print* out_ = nullptr;

 private:
  /** Each is nothing where the debug level of the core is lower. */
  static void writeToCore(otter::LogLevel level, const char* line) {
    (void)line;
    switch (level) {
      case otter::LogLevel::info:
        log_i("otter: %s", line);
        return;
      case otter::LogLevel::warning:
        log_w("otter: %s", line);
        return;
      case otter::LogLevel::error:
        log_e("otter: %s", line);
        return;
    }
  }
};
Log logger;

/** The callbacks of the sketch, and its log. */
class SketchCallbacks final : public otter::Application {
 public:
  void onEvent(otter::Event event, otter::Error error, const otter::EventFacts& facts) override {
    char line[otter::kLogLineBytes];
    otter::writeLogLine(event, error, facts, line, sizeof line);
    logger.write(otter::levelOf(event), line);
    toldPercent_ = 0;
    if (event_ != nullptr) event_(event, OtterError(error, facts.detail));
  }
  void onProgress(uint32_t doneBytes, uint32_t totalBytes) override {
    tellProgress(doneBytes, totalBytes);
    if (progress_ != nullptr) progress_(doneBytes, totalBytes);
  }
  const char* canUpdate(const otter::OfferView& offer) override {
    return canUpdate_ == nullptr ? nullptr : canUpdate_(offer);
  }
  bool isIdle() override { return isIdle_ == nullptr || isIdle_(); }
  otter::Health health() override { return health_ == nullptr ? otter::Health::good : health_(); }

  void (*event_)(OtterEvent, OtterError) = nullptr;
  void (*progress_)(uint32_t, uint32_t) = nullptr;
  const char* (*canUpdate_)(const OtterOffer&) = nullptr;
  bool (*isIdle_)() = nullptr;
  OtterHealth (*health_)() = nullptr;

 private:
  /** Every 10 %: a download has hundreds of pieces. */
  void tellProgress(uint32_t doneBytes, uint32_t totalBytes) {
    if (totalBytes == 0) return;
    const auto percent = static_cast<uint32_t>(static_cast<uint64_t>(doneBytes) * 100 / totalBytes);
    if (percent < toldPercent_ + kProgressStepPercent) return;
    toldPercent_ = percent - percent % kProgressStepPercent;
    char line[48];
    otter::TextBuffer(line, sizeof line).add("progress: ").addNumber(percent).add(" % of ").addNumber(totalBytes).add(
        " bytes");
    logger.write(otter::LogLevel::info, line);
  }

  uint32_t toldPercent_ = 0;
};

// One client per sketch, so its parts are static: their memory is known when the sketch is linked.
SketchCallbacks callbacks;
otter::Esp32Slot slot;
otter::Esp32Bootloader bootloader;
otter::Esp32Store store;
otter::Esp32System boardSystem;
otter::TlsConnection connection(boardSystem);
otter::Engine engine({slot, bootloader, store, boardSystem, connection, callbacks});

StaticSemaphore_t lockMemory;
SemaphoreHandle_t lock = nullptr;

/** What the task writes and the sketch reads is copied under this lock. */
class Locked {
 public:
  Locked() {
    if (lock != nullptr) xSemaphoreTake(lock, portMAX_DELAY);
  }
  ~Locked() {
    if (lock != nullptr) xSemaphoreGive(lock);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
};

/** What may stand in a header as it is. */
bool isToken(const char* text) {
  const size_t length = strlen(text);
  for (size_t i = 0; i < length; ++i)
    if (text[i] <= ' ' || text[i] > '~') return false;
  return length > 0 && length <= 128;
}

}  // namespace

/**
 * Arduino marks every image valid before `setup()` unless this says that somebody else will. It must be in the same
 * file as `begin()`: alone in an archive it would never be linked, and the stock one would win without a word.
 */
extern "C" bool verifyRollbackLater() {
  otter::startTrialGuard(kGuardBeforeBeginS);
  return true;
}

size_t OtterError::printTo(Print& out) const {
  size_t printed = out.print(name());
  printed += out.print(": ");
  printed += out.print(text());
  if (detail_[0] == '\0') return printed;
  printed += out.print(": ");
  return printed + out.print(detail_);
}

OtterOTA::OtterOTA(const char* server, const char* pin, const char* token) : serverUrls_{server}, pins_{pin} {
  settings_.token = token;
  settings_.library = "OtterOTA " OTTER_OTA_VERSION;
}

OtterOTA& OtterOTA::addServer(const char* server) {
  if (settings_.serverCount < otter::kServers) {
    serverUrls_[settings_.serverCount++] = server;
  } else {
    overflow_ = "addServer: at most 2 servers";
  }
  return *this;
}

OtterOTA& OtterOTA::addPin(const char* pin) {
  if (pinCount_ < otter::kPins) {
    pins_[pinCount_++] = pin;
  } else {
    overflow_ = "addPin: at most 3 pins";
  }
  return *this;
}

OtterOTA& OtterOTA::addReleaseKey(const char* pem) {
  if (settings_.releaseKeyCount < otter::kReleaseKeys) {
    settings_.releaseKeys[settings_.releaseKeyCount++] = pem;
  } else {
    overflow_ = "addReleaseKey: at most 2 keys";
  }
  return *this;
}

OtterOTA& OtterOTA::signaturesNeeded(uint8_t count) {
  settings_.signaturesNeeded = count;
  return *this;
}

OtterOTA& OtterOTA::addLabelHint(const char* label) {
  if (settings_.labelHintCount < otter::kMaxLabelHints) {
    settings_.labelHints[settings_.labelHintCount++] = label;
  } else {
    overflow_ = "addLabelHint: at most 8 hints";
  }
  return *this;
}

OtterOTA& OtterOTA::labelRule(const char* rule) {
  settings_.labelRule = rule;
  return *this;
}

OtterOTA& OtterOTA::interval(uint32_t seconds) {
  settings_.intervalS = seconds;
  return *this;
}

OtterOTA& OtterOTA::nextCheckIn(uint32_t seconds) {
  settings_.nextCheckS = seconds;
  return *this;
}

OtterOTA& OtterOTA::idleHours(uint8_t from, uint8_t to, int16_t utcOffsetMinutes) {
  settings_.idleHours = {from, to, utcOffsetMinutes};
  return *this;
}

OtterOTA& OtterOTA::longestDeferral(uint32_t seconds) {
  settings_.longestDeferralS = seconds;
  return *this;
}

OtterOTA& OtterOTA::trialTimeout(uint32_t seconds) {
  settings_.trialTimeoutS = seconds;
  return *this;
}

OtterOTA& OtterOTA::confirmByHand() {
  settings_.confirmsByHand = true;
  return *this;
}

OtterOTA& OtterOTA::applyByHand() {
  settings_.appliesByHand = true;
  return *this;
}

OtterOTA& OtterOTA::maxImageBytes(uint32_t bytes) {
  settings_.maxImageBytes = bytes;
  return *this;
}

OtterOTA& OtterOTA::taskStack(uint32_t bytes) {
  taskStackBytes_ = bytes;
  return *this;
}

OtterOTA& OtterOTA::withoutTask() {
  hasTask_ = false;
  return *this;
}

OtterOTA& OtterOTA::isNetworkUp(bool (*callback)()) {
  boardSystem.networkCheck = callback;
  return *this;
}

OtterOTA& OtterOTA::logTo(Print& out) {
  logger.out_ = &out;
  return *this;
}

OtterOTA& OtterOTA::onEvent(void (*callback)(OtterEvent, OtterError)) {
  callbacks.event_ = callback;
  return *this;
}

OtterOTA& OtterOTA::onProgress(void (*callback)(uint32_t, uint32_t)) {
  callbacks.progress_ = callback;
  return *this;
}

OtterOTA& OtterOTA::canUpdate(const char* (*callback)(const OtterOffer&)) {
  callbacks.canUpdate_ = callback;
  return *this;
}

OtterOTA& OtterOTA::isIdle(bool (*callback)()) {
  callbacks.isIdle_ = callback;
  return *this;
}

OtterOTA& OtterOTA::healthCheck(OtterHealth (*callback)()) {
  callbacks.health_ = callback;
  return *this;
}

OtterError OtterOTA::begin() {
  if (isRunning_) return OtterError();
  const OtterError wrong = prepare();
  if (wrong) return refuse(wrong);
  tellStart();
  lock = xSemaphoreCreateMutexStatic(&lockMemory);
  otter::startTrialGuard(settings_.trialTimeoutS + kGuardMarginS);
  const OtterError begun = engine.begin(settings_);
  if (begun) refuse(begun);
  isRunning_ = true;
  workOnce();
  if (!hasTask_) return begun;
  const BaseType_t core = portNUM_PROCESSORS > 1 ? 1 : 0;
  const BaseType_t created = xTaskCreatePinnedToCore(runTask, "otter", taskStackBytes_, this, 1, nullptr, core);
  if (created == pdPASS) return begun;
  isRunning_ = false;
  return refuse(OtterError(otter::Error::low_memory, "no memory for the task"));
}

/** What `begin()` answers with is told, too: many sketches do not look at it. */
OtterError OtterOTA::refuse(OtterError error) {
  const bool isStarted = error == otter::Error::no_ota_slot;
  char line[otter::kLogLineBytes];
  otter::writeErrorLine(isStarted ? "started, but it can install nothing" : "not started", error.code(), error.detail(),
                        line, sizeof line);
  logger.write(otter::LogLevel::error, line);
  return error;
}

/** What a person needs to find this board on the server. */
void OtterOTA::tellStart() {
  char mac[18];
  boardSystem.mac(mac);
  char line[otter::kLogLineBytes];
  otter::TextBuffer out(line, sizeof line);
  out.add("started: ").add(settings_.product).add(" ").add(settings_.version).add(" on ").add(boardSystem.chip());
  out.add(" ").add(mac).add(", server ").add(serverUrls_[0]);
  if (settings_.serverCount > 1) out.add(", then ").add(serverUrls_[1]);
  logger.write(otter::LogLevel::info, line);
}

/** Everything that can be wrong with the settings is said here, before anything runs. */
OtterError OtterOTA::prepare() {
  const auto wrong = [](const char* what) { return OtterError(otter::Error::settings, what); };
  if (overflow_ != nullptr) return wrong(overflow_);
  if (!readServers()) return wrong("server: write https://host:port");
  if (!otter::Esp32System::hasWifi() && boardSystem.networkCheck == nullptr)
    return wrong("isNetworkUp: this chip has no Wi-Fi; say how to ask whether the network is up");
  if (!isToken(settings_.token)) return wrong("token: write the fleet token as it is in fleet.token");
  if (!readPins())
    return wrong("pin: write spki: or cert: and 64 hex digits, at most 3 with commas, or the certificate in PEM");
  char keyIds[otter::kReleaseKeys][otter::kKeyIdBytes];
  for (size_t i = 0; i < settings_.releaseKeyCount; ++i) {
    if (!otter::keyIdOf(settings_.releaseKeys[i], keyIds[i]))
      return wrong("addReleaseKey: write a P-256 public key in PEM");
    for (size_t other = 0; other < i; ++other)
      if (strcmp(keyIds[i], keyIds[other]) == 0) return wrong("addReleaseKey: the same key twice");
  }
  const size_t mostNeeded = settings_.releaseKeyCount > 1 ? settings_.releaseKeyCount : 1;
  if (settings_.signaturesNeeded < 1 || settings_.signaturesNeeded > mostNeeded)
    return wrong("signaturesNeeded: 1, or as many as there are release keys");
  if (!connection.begin()) return OtterError(otter::Error::low_memory, "the crypto library did not start");
  settings_.product = otter_firmware_marker.product;
  settings_.version = otter_firmware_marker.version;
  if (!otter::isName(settings_.product, strlen(settings_.product)))
    return wrong("OTTER_FIRMWARE: a product is lower-case letters, digits, dot, dash and underscore");
  if (!otter::isSemver(settings_.version)) return wrong("OTTER_FIRMWARE: the version is not SemVer, such as 1.4.0");
  if (!otter::isLabelRule(settings_.labelRule)) return wrong("labelRule: write terms such as pilot,!frozen");
  for (size_t i = 0; i < settings_.labelHintCount; ++i)
    if (!otter::isName(settings_.labelHints[i], strlen(settings_.labelHints[i])))
      return wrong("addLabelHint: a label is lower-case letters, digits, dot, dash and underscore");
  if (settings_.intervalS < otter::kMinPollIntervalS || settings_.intervalS > otter::kMaxPollIntervalS)
    return wrong("interval: 30 to 86400 seconds");
  if (settings_.nextCheckS > kLongestSleepS) return wrong("nextCheckIn: at most 2592000 seconds");
  if (settings_.trialTimeoutS < 30 || settings_.trialTimeoutS > 3600) return wrong("trialTimeout: 30 to 3600 seconds");
  if (settings_.idleHours.fromHour > 24 || settings_.idleHours.toHour > 24)
    return wrong("idleHours: hours are 0 to 24");
  if (hasTask_ && taskStackBytes_ < kMinTaskStackBytes) return wrong("taskStack: at least 10240 bytes");
  return OtterError();
}

bool OtterOTA::readServers() {
  for (size_t i = 0; i < settings_.serverCount; ++i)
    if (!otter::parseServer(serverUrls_[i], settings_.servers[i])) return false;
  return true;
}

bool OtterOTA::readPins() {
  settings_.pinCount = 0;
  for (size_t i = 0; i < pinCount_; ++i) {
    otter::Pin pin;
    const bool isRead = otter::pinOfCertificate(pins_[i], pin)
                            ? otter::addPin(pin, settings_.pins, otter::kPins, settings_.pinCount)
                            : otter::parsePins(pins_[i], settings_.pins, otter::kPins, settings_.pinCount);
    if (!isRead) return false;
  }
  for (size_t i = 0; i < settings_.pinCount; ++i) connection.addPin(settings_.pins[i]);
  return true;
}

void OtterOTA::runTask(void* self) {
  auto* ota = static_cast<OtterOTA*>(self);
  for (;;) {
    ota->workOnce();
    const uint64_t nowMs = boardSystem.nowMs();
    const uint64_t waitMs = ota->nextStepMs_ > nowMs ? ota->nextStepMs_ - nowMs : 0;
    // Also where there is work at once: the other tasks of this core want to live.
    boardSystem.rest(waitMs < kLongestRestMs ? static_cast<uint32_t>(waitMs) : kLongestRestMs);
  }
}

void OtterOTA::loop() {
  if (isRunning_ && !hasTask_) workOnce();
}

void OtterOTA::workOnce() {
  takeCommands();
  const uint64_t nowMs = boardSystem.nowMs();
  if (nowMs < nextStepMs_) return;
  nextStepMs_ = nowMs + engine.step();
  const OtterStatus now = engine.status();
  const bool isBusyNow = engine.isBusy();
  const Locked locked;
  status_ = now;
  isBusy_ = isBusyNow;
}

void OtterOTA::takeCommands() {
  uint8_t commands = 0;
  {
    // In one piece with `isBusy()`: a command that is taken up is work, until the next step has said otherwise.
    const Locked locked;
    commands = __atomic_exchange_n(&commands_, uint8_t{0}, __ATOMIC_ACQ_REL);
    isBusy_ = isBusy_ || commands != 0;
  }
  if (commands == 0) return;
  if ((commands & kCheck) != 0) engine.checkNow();
  if ((commands & kApply) != 0) engine.apply();
  if ((commands & kConfirm) != 0) engine.confirm();
  if ((commands & kReject) != 0) engine.reject();
  nextStepMs_ = 0;
}

void OtterOTA::checkNow() { __atomic_fetch_or(&commands_, kCheck, __ATOMIC_ACQ_REL); }

void OtterOTA::apply() { __atomic_fetch_or(&commands_, kApply, __ATOMIC_ACQ_REL); }

void OtterOTA::confirm() { __atomic_fetch_or(&commands_, kConfirm, __ATOMIC_ACQ_REL); }

void OtterOTA::reject() { __atomic_fetch_or(&commands_, kReject, __ATOMIC_ACQ_REL); }

/** A command that was not taken up yet is work to come. */
bool OtterOTA::isBusy() {
  const Locked locked;
  return isBusy_ || __atomic_load_n(&commands_, __ATOMIC_ACQUIRE) != 0;
}

OtterStatus OtterOTA::status() {
  const Locked locked;
  return status_;
}

OtterError OtterOTA::lastError() { return OtterError(status().lastError); }
