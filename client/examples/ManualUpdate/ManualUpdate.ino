// Nothing is installed before somebody presses the button, and there is no task: loop() does the work.
//
// The board still asks and downloads every ten minutes; a short press does it now. A long press installs what was
// downloaded. A LED shows that a build is waiting.

#include <OtterOTA.h>
#include <WiFi.h>

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

const int kButtonPin = 0;  // the BOOT button of many boards; LOW while it is pressed
const int kLedPin = 2;
const uint32_t kShortPressMs = 50;
const uint32_t kLongPressMs = 2000;

OTTER_FIRMWARE("manual-update", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

// Without a task of its own the client works on the stack of loop(), and TLS needs more than the usual 8 KB. The core
// asks this function how large it shall be.
size_t getArduinoLoopTaskStackSize() { return 16 * 1024; }

uint32_t pressedSinceMs = 0;
bool wasPressed = false;

void onReleased(uint32_t pressedForMs) {
  if (pressedForMs >= kLongPressMs) {
    Serial.println("install");
    ota.apply();
  } else if (pressedForMs >= kShortPressMs) {
    Serial.println("check");
    ota.checkNow();
  }
}

void readButton() {
  bool isPressed = digitalRead(kButtonPin) == LOW;
  if (isPressed && !wasPressed) pressedSinceMs = millis();
  if (!isPressed && wasPressed) onReleased(millis() - pressedSinceMs);
  wasPressed = isPressed;
}

void setup() {
  Serial.begin(115200);
  pinMode(kButtonPin, INPUT_PULLUP);
  pinMode(kLedPin, OUTPUT);
  WiFi.begin(kWifiName, kWifiPassword);

  ota.withoutTask().applyByHand();
  ota.logTo(Serial).begin();
}

void loop() {
  // One step of work. During a check it may take some seconds; a button pressed meanwhile is seen afterwards.
  ota.loop();
  readButton();
  digitalWrite(kLedPin, ota.status().state == OtterState::staged ? HIGH : LOW);
  delay(10);
}
