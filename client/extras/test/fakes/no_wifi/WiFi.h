// The header is there on every chip. What it declares is inside `#if`: here it is empty, but for an ESP32-P4 that uses the
// Wi-Fi of a second chip.

#pragma once

#if CONFIG_ESP_WIFI_REMOTE_ENABLED
#include_next <WiFi.h>
#endif
