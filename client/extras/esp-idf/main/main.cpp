// A program of ESP-IDF that updates itself: Arduino is a component of it, and starts setup() and loop() in a task of its own
// (CONFIG_AUTOSTART_ARDUINO). Everything else of ESP-IDF is there beside it.

#include <Arduino.h>
#include <OtterOTA.h>
#include <WiFi.h>

OTTER_FIRMWARE("greenhouse", "1.0.0");

OtterOTA ota("https://192.168.1.10:8443", "spki:...", "otf_...");

void setup() {
  Serial.begin(115200);
  WiFi.begin("your Wi-Fi", "its password");
  ota.logTo(Serial).begin();
}

void loop() { vTaskDelay(pdMS_TO_TICKS(1000)); }
