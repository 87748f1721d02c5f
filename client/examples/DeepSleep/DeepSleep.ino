// A battery board: wakes up, measures, sometimes asks for an update, sleeps.
//
// Never sleep while `isBusy()`: a download would break off, and a build on trial would lose its only attempt. The
// sketch waits for that. It does not wait for ever: the client gives up a build that does not reach the server in time.

#include <OtterOTA.h>
#include <WiFi.h>
#include <esp_attr.h>
#include <esp_sleep.h>

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

const int kSensorPin = 34;
const int kSensorBroken = 50;
const uint32_t kSleepS = 10 * 60;
const uint32_t kWakesPerCheck = 6;      // asks once an hour
const uint32_t kLongestWaitMs = 30000;  // for Wi-Fi and the answer of the server

OTTER_FIRMWARE("field-sensor", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

// Survives deep sleep. After any other start it is 0, so a new build on trial always asks.
RTC_DATA_ATTR uint32_t wakes = 0;

// Written by the task of the client, read by setup(): hence volatile.
volatile bool hasFailed = false;

void noteFailure(OtterEvent event, OtterError error) {
  (void)error;  // the log has told it
  if (event == OtterEvent::failed) hasFailed = true;
}

// The server has answered since this start.
bool isAnswered() { return ota.status().lastCheckAgeS != UINT32_MAX; }

bool waitForWifi() {
  uint32_t startMs = millis();
  while (WiFi.status() != WL_CONNECTED) {
    if (millis() - startMs > kLongestWaitMs) return false;
    delay(50);
  }
  return true;
}

void askForUpdate(bool isSensorGood) {
  WiFi.begin(kWifiName, kWifiPassword);

  // So that the server knows when this board asks again, and does not take its sleep for silence.
  ota.onEvent(noteFailure).confirmByHand().nextCheckIn(kSleepS * kWakesPerCheck);
  ota.logTo(Serial).begin();

  // Before the sleep: this sketch is content with the build. On trial it is kept once the server was reached, too.
  if (isSensorGood) {
    ota.confirm();
  } else {
    ota.reject();
  }

  if (waitForWifi()) {
    ota.checkNow();
    uint32_t startMs = millis();
    while (!isAnswered() && !hasFailed && millis() - startMs < kLongestWaitMs) delay(50);
  }
  // Download, installation and trial take as long as they take. After an update the board restarts out of this loop.
  while (ota.isBusy()) delay(50);
}

void setup() {
  Serial.begin(115200);

  int reading = analogRead(kSensorPin);
  Serial.println(reading);

  if (wakes % kWakesPerCheck == 0) askForUpdate(reading >= kSensorBroken);
  wakes = wakes + 1;

  esp_sleep_enable_timer_wakeup(kSleepS * 1000000ULL);
  esp_deep_sleep_start();
}

void loop() {
  // Never reached: the board sleeps at the end of setup() and starts anew when it wakes up.
}
