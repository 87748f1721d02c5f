// A new build is kept only when it reaches the server and this sketch says that it works.
//
// After an update the board runs the new build on trial. When the server was reached, `isHealthy` is asked again and
// again until it says `good` or `bad`, or until the trial times out. `bad` and a timeout take the board back to the
// old build, which then reports why.

#include <OtterOTA.h>
#include <WiFi.h>

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

const int kSensorPin = 34;
const int kSensorBroken = 50;  // below: no sensor is connected
const int kReadingsNeeded = 10;

OTTER_FIRMWARE("health-check", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

// Written by loop(), read by the task of the client: hence volatile.
volatile int goodReadings = 0;
volatile int badReadings = 0;

// Say `good` only for what you know to work, and `unknown` while you do not know yet. Do not wait in here.
OtterHealth isHealthy() {
  if (badReadings >= kReadingsNeeded) return OtterHealth::bad;
  if (goodReadings >= kReadingsNeeded) return OtterHealth::good;
  return OtterHealth::unknown;
}

void setup() {
  Serial.begin(115200);
  WiFi.begin(kWifiName, kWifiPassword);

  // begin() comes early: while a build is on trial, this is what brings the board back when something below hangs.
  ota.healthCheck(isHealthy).trialTimeout(120);
  ota.logTo(Serial).begin();
}

void loop() {
  int reading = analogRead(kSensorPin);
  if (reading < kSensorBroken) {
    badReadings = badReadings + 1;
  } else {
    goodReadings = goodReadings + 1;
  }
  delay(1000);
}
