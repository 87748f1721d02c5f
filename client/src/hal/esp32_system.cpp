#if defined(ESP32)

#include <Arduino.h>
#include <Preferences.h>
#include <esp_attr.h>
#include <esp_heap_caps.h>
#if __has_include(<esp_chip_info.h>)
#include <esp_chip_info.h>
#endif
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
#include <soc/soc_caps.h>
#include <stdio.h>

// Every chip that core 2.x knows has Wi-Fi; ESP-IDF 4.4 does not say so everywhere. Later ones say it, and an ESP32-P4
// has the Wi-Fi of a second chip.
#if ESP_ARDUINO_VERSION_MAJOR < 3 || SOC_WIFI_SUPPORTED || CONFIG_ESP_WIFI_REMOTE_ENABLED
#define OTTER_HAS_WIFI 1
#include <WiFi.h>
#else
#define OTTER_HAS_WIFI 0
#endif

// A chip without memory for this keeps it while it is awake. Every chip that core 2.x knows has it.
#if ESP_ARDUINO_VERSION_MAJOR < 3 || SOC_RTC_MEM_SUPPORTED
#define OTTER_SLEEP_MEMORY RTC_DATA_ATTR
#else
#define OTTER_SLEEP_MEMORY
#endif

#include "esp32.h"

namespace otter {
namespace {

// The address that all others of a chip are derived from, 6 bytes: that of Wi-Fi where there is Wi-Fi. ESP-IDF knows no
// address of Wi-Fi on a chip without it, and has 8 bytes for IEEE 802.15.4, which are another address.
#if ESP_ARDUINO_VERSION_MAJOR < 3
constexpr esp_mac_type_t kMacKind = ESP_MAC_WIFI_STA;
#else
constexpr esp_mac_type_t kMacKind = ESP_MAC_BASE;
#endif

constexpr const char* kNamespace = "otter";
/** Not all that is free: TLS needs internal memory that can be read byte by byte. */
constexpr uint32_t kHeapKind = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT;

OTTER_SLEEP_MEMORY alignas(4) uint8_t sleepMemoryBytes[kSleepMemoryBytes] = {};

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

bool Esp32System::hasWifi() { return OTTER_HAS_WIFI != 0; }

bool Esp32System::isNetworkUp() {
  if (networkCheck != nullptr) return networkCheck();
#if OTTER_HAS_WIFI
  return WiFi.status() == WL_CONNECTED;
#else
  return false;
#endif
}

uint32_t Esp32System::freeHeapBytes() { return static_cast<uint32_t>(heap_caps_get_free_size(kHeapKind)); }

uint32_t Esp32System::largestHeapBlockBytes() {
  return static_cast<uint32_t>(heap_caps_get_largest_free_block(kHeapKind));
}

uint32_t Esp32System::flashBytes() { return ESP.getFlashChipSize(); }

int Esp32System::rssiDbm() {
#if OTTER_HAS_WIFI
  if (networkCheck != nullptr || WiFi.status() != WL_CONNECTED) return 0;
  const int rssi = WiFi.RSSI();
  return rssi < 0 && rssi >= -127 ? rssi : 0;
#else
  return 0;
#endif
}

/** From the fuses: `WiFi.macAddress()` is all zero before Wi-Fi has started (arduino-esp32#9766). */
void Esp32System::mac(char text[18]) {
  uint8_t mac[6] = {};
  esp_read_mac(mac, kMacKind);
  snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

const char* Esp32System::chip() { return CONFIG_IDF_TARGET; }

uint16_t Esp32System::chipId() { return CONFIG_IDF_FIRMWARE_CHIP_ID; }

/** ESP-IDF 4.4 says the major number only: too little to compare with what an image wants. */
uint16_t Esp32System::chipRevision() {
#if ESP_ARDUINO_VERSION_MAJOR < 3
  return kUnknownRevision;
#else
  esp_chip_info_t info = {};
  esp_chip_info(&info);
  return info.revision;
#endif
}

void* Esp32System::sleepMemory() { return sleepMemoryBytes; }

/** With modem sleep a download takes several times as long (arduino-esp32#772). */
void Esp32System::onDownload(bool isRunning) {
#if OTTER_HAS_WIFI
  if (networkCheck != nullptr) return;
  if (isRunning) {
    sleptBefore_ = WiFi.getSleep() != WIFI_PS_NONE;
    WiFi.setSleep(false);
  } else if (sleptBefore_) {
    WiFi.setSleep(true);
  }
#else
  (void)isRunning;
#endif
}

}  // namespace otter

#endif
