// OtterOTA: over-the-air updates from an Otter server that cannot brick a board.
//
//     #include <OtterOTA.h>
//     #include <WiFi.h>
//     OTTER_FIRMWARE("greenhouse", "1.4.0");
//     OtterOTA ota("https://192.168.1.10:8443", "spki:...", "otf_...");
//     void setup() { Serial.begin(115200); WiFi.begin("name", "password"); ota.logTo(Serial).begin(); }
//     void loop() { }
//
// Everything below `begin()` happens in a task of its own: ask the server every 10 minutes, download into the spare
// slot, verify, restart into the new build on trial, and keep it only after it has reached the server. Otherwise the
// board goes back and says why. Settings are made before `begin()`. Protocol: docs/device-protocol.md of the Otter
// repository.

#pragma once

#include <stdint.h>

#if !defined(ARDUINO) || !defined(ESP32)
#error "OtterOTA runs on ESP32 boards with the Arduino core; for tests on a computer see extras/test"
#endif

#include <Arduino.h>
#include <esp_arduino_version.h>

#if ESP_ARDUINO_VERSION < ESP_ARDUINO_VERSION_VAL(2, 0, 4)
#error "OtterOTA needs version 2.0.4 or newer of the ESP32 core (esp32 by Espressif Systems): older ones cannot go back"
#endif

#include "core/update/application.h"
#include "core/engine/engine.h"
#include "core/error.h"
#include "core/firmware_marker.h"
#include "core/update/status.h"

#define OTTER_OTA_VERSION "0.3.0"

/**
 * Says what this program is: product (`[a-z0-9][a-z0-9._-]*`, at most 31 characters) and version (SemVer, at most 31).
 * Once per sketch, outside of functions. The server reads it from the compiled image, so an upload names itself.
 */
#define OTTER_FIRMWARE(product, version)                                               \
  extern "C" __attribute__((used)) const otter::FirmwareMarker otter_firmware_marker = \
      otter::makeMarker(product, version)

/** An error that prints itself: `Serial.println(ota.lastError())` prints `pin_mismatch: the server showed ...`. */
class OtterError : public Printable {
 public:
  OtterError(otter::Error error = otter::Error::ok, const char* detail = "") : error_(error), detail_(detail) {}
  /** True where something is wrong. */
  explicit operator bool() const { return error_ != otter::Error::ok; }
  bool operator==(otter::Error error) const { return error_ == error; }
  bool operator!=(otter::Error error) const { return error_ != error; }
  otter::Error code() const { return error_; }
  /** The number of the table in docs/device-protocol.md; 0 for no error. */
  uint8_t number() const { return static_cast<uint8_t>(error_); }
  const char* name() const { return otter::nameOf(error_); }
  const char* text() const { return otter::textOf(error_); }
  /** What exactly, where that is known: which setting is wrong. May be empty. */
  const char* detail() const { return detail_; }
  bool retryable() const { return otter::isRetryable(error_); }
  size_t printTo(Print& out) const override;

 private:
  otter::Error error_;
  const char* detail_;
};

using OtterEvent = otter::Event;
using OtterHealth = otter::Health;
using OtterOffer = otter::OfferView;
using OtterState = otter::State;
using OtterStatus = otter::Status;

/**
 * The client. One object per sketch, global. Texts that are given to it are not copied: use literals or globals.
 * Callbacks are plain functions or lambdas without captures; they run in the task of the client and should return
 * within a second.
 */
class OtterOTA {
 public:
  /**
   * @param server `https://host:port`, without a path; the port is 443 where it is left out.
   * @param pin    which server: `spki:` or `cert:` + 64 hex digits (`npx otter cert show` prints them), `sha256//` +
   *               base64, or the certificate itself in PEM. Several with commas between them, at most 3 in all:
   *               `npx otter board` prints that of the server and that of its backup key.
   * @param token  the fleet token (`data/tokens/fleet.token` of the server).
   */
  OtterOTA(const char* server, const char* pin, const char* token);

  // ---- settings, before begin(); each returns the object, so they can be chained

  /**
   * A second address of the same server, or of another one with the same data. At most 2 in all. The board asks first
   * where it was answered last, and goes to the other where it is not. Every pin counts for both.
   */
  OtterOTA& addServer(const char* server);
  /** A further pin, such as that of a certificate kept in reserve. At most 3 in all. */
  OtterOTA& addPin(const char* pin);
  /**
   * Takes only builds that one of these keys signed (ECDSA P-256, public key in PEM: `otter key create` makes it), at
   * most 2: the live one and its backup. Without a key, the pin and the SHA-256 of the manifest are what is trusted.
   */
  OtterOTA& addReleaseKey(const char* pem);
  /** How many of the release keys have to sign a build: 2 where no person alone may bring one out. Default 1. */
  OtterOTA& signaturesNeeded(uint8_t count);
  /** A hint of where this board belongs, sent with each check; the server decides what becomes a label. At most 8. */
  OtterOTA& addLabelHint(const char* label);
  /**
   * Which offers this board takes, by the labels that the operator put on it: terms separated by commas, all must hold;
   * `pilot` = has it, `!pilot` = does not. Default: every offer. An offer that does not fit is rejected with `label`.
   */
  OtterOTA& labelRule(const char* rule);
  /** Seconds between checks until the server has said its own; 30 to 86400. Default 600. */
  OtterOTA& interval(uint32_t seconds);
  /**
   * For a sketch that sleeps: it will ask again in about this many seconds, at most 2592000 (30 days), whatever the
   * server says. It changes nothing on the board; the server is told, and does not take the sleep for silence.
   * Default 0: the board asks when the server says.
   */
  OtterOTA& nextCheckIn(uint32_t seconds);
  /** Installs only in these hours, `[from, to)` of the day, over midnight where `from > to`. Default: always. */
  OtterOTA& idleHours(uint8_t from, uint8_t to, int16_t utcOffsetMinutes = 0);
  /**
   * Longest wait for idle hours and `isIdle`, in seconds; then the update is installed anyway, in a window of the
   * server. Default 86400.
   */
  OtterOTA& longestDeferral(uint32_t seconds);
  /** How long a new build may take to reach the server and be healthy, in seconds; 30 to 3600. Default 300. */
  OtterOTA& trialTimeout(uint32_t seconds);
  /** A new build is kept only after the sketch has called `confirm()`. */
  OtterOTA& confirmByHand();
  /** Nothing is installed before the sketch calls `apply()`. */
  OtterOTA& applyByHand();
  /** Largest image in bytes; the slot and 3.9 MiB bound it too. */
  OtterOTA& maxImageBytes(uint32_t bytes);
  /** Stack of the task in bytes, at least 10240. Default 12288. */
  OtterOTA& taskStack(uint32_t bytes);
  /** Says whether the network is up, where it is not Wi-Fi (Ethernet, a modem). Default: whether Wi-Fi is connected. */
  OtterOTA& isNetworkUp(bool (*callback)());
  /** No task: the sketch calls `loop()` often. A check then holds the sketch up for some seconds. */
  OtterOTA& withoutTask();

  /**
   * One line for each event goes to `out`, such as `Serial`: what happened, and what to do where something failed. The
   * same lines go to the log of the core otherwise (`log_i`, `log_w`, `log_e`), which shows them from "Core Debug
   * Level: Info" on. `out` must live on.
   */
  OtterOTA& logTo(Print& out);

  // ---- callbacks, before begin()

  /** Tells what happens; `error` says why where something failed. */
  OtterOTA& onEvent(void (*callback)(OtterEvent event, OtterError error));
  /** Bytes that are in flash, and bytes in all. */
  OtterOTA& onProgress(void (*callback)(uint32_t doneBytes, uint32_t totalBytes));
  /**
   * Asked before a download. A reason (a text that lives on) puts it off until the next check, nullptr takes the offer.
   * The next check tells the server the reason. Of some rollouts the server leaves it to the board (`offer.isOptional`);
   * when that has lasted for as long as its plan says, the sketch is not asked any more.
   * Do not use it to wait for a quiet moment: that is `isIdle`.
   */
  OtterOTA& canUpdate(const char* (*callback)(const OtterOffer& offer));
  /** Asked until it says true: now the board may restart into the new build. */
  OtterOTA& isIdle(bool (*callback)());
  /**
   * Asked on trial after the server was reached, until it is `good` or `bad` or the trial times out. Default: `good`.
   */
  OtterOTA& healthCheck(OtterHealth (*callback)());

  // ---- life

  /**
   * Starts the client; returns at once. Call it in `setup()`, after `WiFi.begin()` and before anything that may fail
   * for good: while a build is on trial, this is what brings the board back. An error names a wrong setting; a missing
   * OTA slot is an error too, the board then checks in but never installs.
   */
  OtterError begin();
  /** One step of work, for `withoutTask()` only. */
  void loop();

  /** Checks now instead of at the next time. */
  void checkNow();
  /**
   * Installs a downloaded build now, whatever hours and `isIdle` say; where the server has a window for it, as soon as
   * that is open. Nothing happens where none is there.
   */
  void apply();
  /** The sketch is content with the build on trial (`confirmByHand`). */
  void confirm();
  /** The sketch gives the build on trial up: the board goes back at once and reports `self_test`. */
  void reject();
  /** True while a restart or a sleep would harm: during check, download, installation and trial. */
  bool isBusy();
  /** A copy of where things stand. */
  OtterStatus status();
  /** Why the last check, download or trial failed; no error after the next success. */
  OtterError lastError();

 private:
  OtterError prepare();
  bool readServers();
  bool readPins();
  OtterError refuse(OtterError error);
  void tellStart();
  static void runTask(void* self);
  void workOnce();
  void takeCommands();

  otter::Settings settings_;
  const char* serverUrls_[otter::kServers];
  const char* pins_[otter::kPins];
  size_t pinCount_ = 1;
  /** The first call with one thing too many; `begin()` tells it. */
  const char* overflow_ = nullptr;
  uint32_t taskStackBytes_ = 12288;
  bool hasTask_ = true;
  bool isRunning_ = false;
  uint64_t nextStepMs_ = 0;
  /** Commands of the sketch, taken up by the task of the client. */
  uint8_t commands_ = 0;
  bool isBusy_ = false;
  OtterStatus status_ = {};
};
