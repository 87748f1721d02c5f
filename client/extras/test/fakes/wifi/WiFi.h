// Wi-Fi of the board: connected where the board's surroundings say that the network is up.

#pragma once

#include "Arduino.h"

typedef enum {
  WL_NO_SHIELD = 255,
  WL_IDLE_STATUS = 0,
  WL_NO_SSID_AVAIL = 1,
  WL_SCAN_COMPLETED = 2,
  WL_CONNECTED = 3,
  WL_CONNECT_FAILED = 4,
  WL_CONNECTION_LOST = 5,
  WL_DISCONNECTED = 6
} wl_status_t;

typedef enum { WIFI_MODE_NULL = 0, WIFI_MODE_STA, WIFI_MODE_AP, WIFI_MODE_APSTA } wifi_mode_t;
#define WIFI_OFF WIFI_MODE_NULL
#define WIFI_STA WIFI_MODE_STA

typedef enum { WIFI_PS_NONE, WIFI_PS_MIN_MODEM, WIFI_PS_MAX_MODEM } wifi_ps_type_t;

class WiFiClass {
 public:
  wl_status_t begin(const char* ssid, const char* passphrase = nullptr);
  bool mode(wifi_mode_t mode);
  wl_status_t status();
  bool isConnected() { return status() == WL_CONNECTED; }
  /** 0 where it is not connected. */
  int8_t RSSI();
  bool setSleep(bool isOn) { return setSleep(isOn ? WIFI_PS_MIN_MODEM : WIFI_PS_NONE); }
  bool setSleep(wifi_ps_type_t type);
  wifi_ps_type_t getSleep();
  bool setAutoReconnect(bool isOn);
  bool reconnect();
  bool disconnect(bool isOff = false);
  uint8_t waitForConnectResult(unsigned long timeoutMs = 60000);
  String macAddress();
};
extern WiFiClass WiFi;
