// Shows an update on a LED and on Serial, and puts it off while the battery is low.
//
// Callbacks are plain functions. They run in the task of the client: keep them short, without `delay`.

#include <OtterOTA.h>
#include <WiFi.h>

const char* const kWifiName = "your Wi-Fi";
const char* const kWifiPassword = "its password";
const char* const kServer = "https://192.168.1.10:8443";
const char* const kPin = "spki:...";   // npx otter cert show
const char* const kToken = "otf_...";  // data/tokens/fleet.token

const int kLedPin = 2;
const int kBatteryPin = 35;    // behind a divider that halves the voltage
const int kBatteryLow = 2230;  // of 4095: 3.6 V

OTTER_FIRMWARE("callbacks", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

// The LED is on from the start of a download until the new build is kept.
void showEvent(OtterEvent event, OtterError error) {
  Serial.print("update: ");
  Serial.print(otter::nameOf(event));
  if (error) {
    Serial.print(", ");
    Serial.print(error);
  }
  Serial.println();

  switch (event) {
    case OtterEvent::download_started:
    case OtterEvent::trial_started:
      digitalWrite(kLedPin, HIGH);
      break;
    case OtterEvent::confirmed:
    case OtterEvent::failed:
    case OtterEvent::rolled_back:
      digitalWrite(kLedPin, LOW);
      break;
    default:
      break;
  }
}

void showProgress(uint32_t doneBytes, uint32_t totalBytes) {
  static uint32_t shownPercent = 101;
  if (totalBytes == 0) return;
  uint32_t percent = static_cast<uint32_t>(100ULL * doneBytes / totalBytes);
  if (percent == shownPercent) return;
  shownPercent = percent;
  Serial.print("downloaded ");
  Serial.print(percent);
  Serial.println(" %");
}

// nullptr takes the offer. A reason puts it off until the next check.
const char* mayUpdate(const OtterOffer& offer) {
  Serial.print("offered: ");
  Serial.print(offer.product);
  Serial.print(" ");
  Serial.println(offer.version);

  if (analogRead(kBatteryPin) < kBatteryLow) return "the battery is low";
  return nullptr;
}

void setup() {
  Serial.begin(115200);
  pinMode(kLedPin, OUTPUT);
  WiFi.begin(kWifiName, kWifiPassword);

  ota.onEvent(showEvent).onProgress(showProgress).canUpdate(mayUpdate);
  OtterError error = ota.begin();
  if (error) Serial.println(error);
}

void loop() { delay(1000); }
