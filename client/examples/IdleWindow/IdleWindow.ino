// Restarts into a new build only when it suits: at night, and while the pump is off.
//
// The download happens at any time; it does not disturb. Only the restart into the new build waits: for the hours of
// `idleHours`, and for `isQuiet` to say true. After `longestDeferral` it happens anyway: no board is left behind.

#include <OtterOTA.h>
#include <WiFi.h>

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

const int kPumpPin = 26;
const int kLevelPin = 34;
const int kLevelLow = 1000;
const int kLevelFull = 3000;

OTTER_FIRMWARE("pump", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

// Written by loop(), read by the task of the client: hence volatile.
volatile bool isPumping = false;

// May the board restart now?
bool isQuiet() { return !isPumping; }

void setup() {
  Serial.begin(115200);
  pinMode(kPumpPin, OUTPUT);
  digitalWrite(kPumpPin, LOW);
  WiFi.begin(kWifiName, kWifiPassword);

  ota.idleHours(2, 5, 60);                  // from 2:00 to 5:00, one hour ahead of UTC
  ota.isIdle(isQuiet);                      // and not while it pumps
  ota.longestDeferral(3UL * 24 * 60 * 60);  // but after three days in any case
  ota.logTo(Serial).begin();
}

void loop() {
  int level = analogRead(kLevelPin);
  if (level < kLevelLow) isPumping = true;
  if (level > kLevelFull) isPumping = false;
  digitalWrite(kPumpPin, isPumping ? HIGH : LOW);
  delay(200);
}
