// `WiFi.h`: up where the board's surroundings say so.

#include "WiFi.h"

#include "board/board.h"

using board::Board;

WiFiClass WiFi;

namespace {

bool wasBegun = false;
wifi_ps_type_t sleepType = WIFI_PS_MIN_MODEM;

const bool isRegistered = [] {
  Board::atPowerOff([] {
    wasBegun = false;
    sleepType = WIFI_PS_MIN_MODEM;
  });
  return true;
}();

}  // namespace

wl_status_t WiFiClass::begin(const char*, const char*) {
  wasBegun = true;
  return status();
}

bool WiFiClass::mode(wifi_mode_t) { return true; }

wl_status_t WiFiClass::status() {
  if (!wasBegun) return WL_NO_SHIELD;
  return Board::current().surroundings.isNetworkUp ? WL_CONNECTED : WL_DISCONNECTED;
}

int8_t WiFiClass::RSSI() {
  return isConnected() ? static_cast<int8_t>(Board::current().surroundings.rssiDbm) : int8_t{0};
}

bool WiFiClass::setSleep(wifi_ps_type_t type) {
  sleepType = type;
  return true;
}

wifi_ps_type_t WiFiClass::getSleep() { return sleepType; }

bool WiFiClass::setAutoReconnect(bool) { return true; }

bool WiFiClass::reconnect() { return true; }

bool WiFiClass::disconnect(bool) {
  wasBegun = false;
  return true;
}

uint8_t WiFiClass::waitForConnectResult(unsigned long) { return static_cast<uint8_t>(status()); }

String WiFiClass::macAddress() {
  char text[18];
  const auto& mac = Board::current().options().mac;
  snprintf(text, sizeof text, "%02X:%02X:%02X:%02X:%02X:%02X", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  return String(text);
}
