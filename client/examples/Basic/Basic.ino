// The smallest sketch that updates itself over the air.
//
// Fill in the five texts below, choose a partition scheme with two OTA slots (the default one has them), and flash it
// once by cable. From then on: raise the version, export the compiled binary, give it to the server with
// `npx otter firmware add Basic.ino.bin`, and make a rollout of it.

#include <OtterOTA.h>
#include <WiFi.h>

const char* const kWifiName = "your Wi-Fi";
const char* const kWifiPassword = "its password";
const char* const kServer = "https://192.168.1.10:8443";
const char* const kPin = "spki:...";   // npx otter cert show
const char* const kToken = "otf_...";  // data/tokens/fleet.token

// What this program is: its product and its version. The server reads both from the compiled image.
OTTER_FIRMWARE("basic", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

void setup() {
  Serial.begin(115200);
  WiFi.begin(kWifiName, kWifiPassword);

  OtterError error = ota.begin();
  if (error) Serial.println(error);  // says which setting is wrong
}

void loop() {
  // Your program. Updates happen in a task of their own.
}
