// The smallest sketch that updates itself over the air.
//
// Fill in secrets.h, choose a partition scheme with two OTA slots (the default one has them), and flash it
// once by cable. From then on: raise the version, export the compiled binary, give it to the server with
// `npx otter firmware add Basic.ino.bin`, and make a rollout of it.

#include <OtterOTA.h>
#include <WiFi.h>

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

// What this program is: its product and its version. The server reads both from the compiled image.
OTTER_FIRMWARE("basic", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

void setup() {
  Serial.begin(115200);
  WiFi.begin(kWifiName, kWifiPassword);

  ota.logTo(Serial).begin();
}

void loop() {
  // Your program. Updates happen in a task of their own.
}
