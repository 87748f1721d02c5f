#if defined(ESP32)

#include <Arduino.h>
#include <Preferences.h>
#include <WiFi.h>
#include <esp_heap_caps.h>
#if __has_include(<esp_mac.h>)
#include <esp_mac.h>
#endif
#if __has_include(<esp_random.h>)
#include <esp_random.h>
#endif
#include <esp_system.h>
#include <esp_timer.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <sdkconfig.h>
#include <stdio.h>

#include "esp32.h"

namespace otter {
namespace {

constexpr const char* kNamespace = "otter";
/** Not all that is free: TLS needs internal memory that can be read byte by byte. */
constexpr uint32_t kHeapKind = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT;

}  // namespace

size_t Esp32Store::load(const char* key, uint8_t* bytes, size_t capacity) {
  Preferences preferences;
  // Read only, this fails where the namespace is not there yet: nothing is stored then.
  if (!preferences.begin(kNamespace, true)) return 0;
  const size_t count = preferences.getBytesLength(key);
  const size_t read = count > 0 && count <= capacity ? preferences.getBytes(key, bytes, count) : 0;
  preferences.end();
  return read;
}

Error Esp32Store::save(const char* key, const uint8_t* bytes, size_t count) {
  Preferences preferences;
  if (!preferences.begin(kNamespace, false)) return Error::nvs;
  const size_t written = preferences.putBytes(key, bytes, count);
  preferences.end();
  return written == count ? Error::ok : Error::nvs;
}

uint64_t Esp32System::nowMs() { return static_cast<uint64_t>(esp_timer_get_time()) / 1000; }

uint32_t Esp32System::random() { return esp_random(); }

/** At least one tick, so that the idle task feeds its watchdog. */
void Esp32System::rest(uint32_t ms) {
  const TickType_t ticks = pdMS_TO_TICKS(ms);
  vTaskDelay(ticks > 0 ? ticks : 1);
}

bool Esp32System::isNetworkUp() { return networkCheck != nullptr ? networkCheck() : WiFi.status() == WL_CONNECTED; }

uint32_t Esp32System::freeHeapBytes() { return static_cast<uint32_t>(heap_caps_get_free_size(kHeapKind)); }

uint32_t Esp32System::largestHeapBlockBytes() {
  return static_cast<uint32_t>(heap_caps_get_largest_free_block(kHeapKind));
}

uint32_t Esp32System::flashBytes() { return ESP.getFlashChipSize(); }

int Esp32System::rssiDbm() {
  if (networkCheck != nullptr || WiFi.status() != WL_CONNECTED) return 0;
  const int rssi = WiFi.RSSI();
  return rssi < 0 && rssi >= -127 ? rssi : 0;
}

/** From the fuses: `WiFi.macAddress()` is all zero before Wi-Fi has started (arduino-esp32#9766). */
void Esp32System::mac(char text[18]) {
  uint8_t mac[6] = {};
  esp_read_mac(mac, ESP_MAC_WIFI_STA);
  snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

const char* Esp32System::chip() { return CONFIG_IDF_TARGET; }

uint16_t Esp32System::chipId() { return CONFIG_IDF_FIRMWARE_CHIP_ID; }

/** With modem sleep a download takes several times as long (arduino-esp32#772). */
void Esp32System::onDownload(bool isRunning) {
  if (networkCheck != nullptr) return;
  if (isRunning) {
    sleptBefore_ = WiFi.getSleep() != WIFI_PS_NONE;
    WiFi.setSleep(false);
  } else if (sleptBefore_) {
    WiFi.setSleep(true);
  }
}

}  // namespace otter

#endif
