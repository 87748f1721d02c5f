// A greenhouse that worked before, with updates added. The five added lines end in `// OTA`, and one variable became
// volatile, because another task reads it now.
//
// It reads temperature and soil, opens the vent, waters, and writes a line every minute.

#include <OtterOTA.h>  // OTA
#include <WiFi.h>

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

const int kTemperaturePin = 34;  // a TMP36: 500 mV at 0 degrees, 10 mV for each degree
const int kSoilPin = 35;
const int kVentPin = 26;
const int kValvePin = 27;

const float kVentOpensAtC = 28.0f;
const float kVentClosesAtC = 25.0f;
const int kSoilDry = 1200;
const uint32_t kWateringMs = 20000;
const uint32_t kBetweenWateringsMs = 60UL * 60 * 1000;
const uint32_t kReportEveryMs = 60000;

bool isVentOpen = false;
volatile bool isWatering = false;  // volatile: for OTA
uint32_t wateringSinceMs = 0;
uint32_t lastReportMs = 0;

OTTER_FIRMWARE("greenhouse", "1.4.0");  // OTA
OtterOTA ota(kServer, kPin, kToken);    // OTA
bool isQuiet() { return !isWatering; }  // OTA

float readTemperatureC() {
  float millivolts = static_cast<float>(analogRead(kTemperaturePin)) * 3300.0f / 4095.0f;
  return (millivolts - 500.0f) / 10.0f;
}

void moveVent(float temperatureC) {
  if (temperatureC > kVentOpensAtC) isVentOpen = true;
  if (temperatureC < kVentClosesAtC) isVentOpen = false;
  digitalWrite(kVentPin, isVentOpen ? HIGH : LOW);
}

void water(int soil) {
  uint32_t sinceMs = millis() - wateringSinceMs;
  if (isWatering && sinceMs > kWateringMs) isWatering = false;
  if (!isWatering && soil < kSoilDry && sinceMs > kBetweenWateringsMs) {
    isWatering = true;
    wateringSinceMs = millis();
  }
  digitalWrite(kValvePin, isWatering ? HIGH : LOW);
}

void report(float temperatureC, int soil) {
  if (millis() - lastReportMs < kReportEveryMs) return;
  lastReportMs = millis();
  Serial.print(temperatureC);
  Serial.print(" C, soil ");
  Serial.print(soil);
  Serial.println(isVentOpen ? ", vent open" : ", vent closed");
}

void setup() {
  Serial.begin(115200);
  WiFi.begin(kWifiName, kWifiPassword);
  ota.logTo(Serial).isIdle(isQuiet).begin();  // OTA
  pinMode(kVentPin, OUTPUT);
  pinMode(kValvePin, OUTPUT);
}

void loop() {
  float temperatureC = readTemperatureC();
  int soil = analogRead(kSoilPin);
  moveVent(temperatureC);
  water(soil);
  report(temperatureC, soil);
  delay(500);
}
