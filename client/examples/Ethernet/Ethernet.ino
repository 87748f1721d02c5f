// A board at a cable: a W5500 at SPI. Works on chips without Wi-Fi too, such as the ESP32-H2.
//
// The library asks Wi-Fi whether the network is up, unless the sketch says how to ask. The same is needed for Thread and
// for modems. Core 3.0 or newer, for this kind of Ethernet.

#include <ETH.h>
#include <OtterOTA.h>

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

const int kChipSelectPin = 15;
const int kInterruptPin = 4;
const int kResetPin = 5;
const int kClockPin = 14;
const int kMisoPin = 12;
const int kMosiPin = 13;

OTTER_FIRMWARE("ethernet", "1.0.0");

OtterOTA ota(kServer, kPin, kToken);

bool isCableUp() { return ETH.connected() && ETH.hasIP(); }

void setup() {
  Serial.begin(115200);
  ETH.begin(ETH_PHY_W5500, 1, kChipSelectPin, kInterruptPin, kResetPin, SPI2_HOST, kClockPin, kMisoPin, kMosiPin);

  ota.isNetworkUp(isCableUp).logTo(Serial).begin();
}

void loop() { delay(1000); }
