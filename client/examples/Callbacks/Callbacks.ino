// Shows an update on a LED, and puts it off while the battery is low.
//
// Callbacks are plain functions. They run in the task of the client: keep them short, without `delay`.

#include <OtterOTA.h>
#include <WiFi.h>

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

const int kLedPin = 2;
const int kBatteryPin = 35;    // behind a divider that halves the voltage
const int kBatteryLow = 2230;  // of 4095: 3.6 V

OTTER_FIRMWARE("callbacks", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

// The LED is on from the start of a download until the new build is kept. What happens is told by the log; `error` says
// why where something failed.
void showEvent(OtterEvent event, OtterError error) {
  (void)error;
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

// During the download it blinks with every percent.
void showProgress(uint32_t doneBytes, uint32_t totalBytes) {
  if (totalBytes == 0) return;
  uint32_t percent = static_cast<uint32_t>(100ULL * doneBytes / totalBytes);
  digitalWrite(kLedPin, percent % 2 == 0 ? HIGH : LOW);
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
  ota.logTo(Serial).begin();
}

void loop() { delay(1000); }
