// The small facts and services of ESP-IDF: restart, time, chance, address, heap, sleep, watchdog.

#include "esp_system.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <string>

#include "board/board.h"
#include "esp_chip_info.h"
#include "esp_heap_caps.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_sleep.h"
#include "esp_task_wdt.h"

using board::Board;
using board::ResetReason;

void esp_restart(void) { Board::current().power.restart(ResetReason::software); }

esp_reset_reason_t esp_reset_reason(void) {
  switch (Board::current().resetReason()) {
    case ResetReason::unknown:
      return ESP_RST_UNKNOWN;
    case ResetReason::power_on:
      return ESP_RST_POWERON;
    case ResetReason::external:
      return ESP_RST_EXT;
    case ResetReason::software:
      return ESP_RST_SW;
    case ResetReason::panic:
      return ESP_RST_PANIC;
    case ResetReason::interrupt_watchdog:
      return ESP_RST_INT_WDT;
    case ResetReason::task_watchdog:
      return ESP_RST_TASK_WDT;
    case ResetReason::other_watchdog:
      return ESP_RST_WDT;
    case ResetReason::deep_sleep:
      return ESP_RST_DEEPSLEEP;
    case ResetReason::brownout:
      return ESP_RST_BROWNOUT;
    case ResetReason::sdio:
      return ESP_RST_SDIO;
    case ResetReason::usb:
      return ESP_RST_USB;
    case ResetReason::jtag:
      return ESP_RST_JTAG;
    case ResetReason::efuse:
      return ESP_RST_EFUSE;
    case ResetReason::pwr_glitch:
      return ESP_RST_PWR_GLITCH;
    case ResetReason::cpu_lockup:
      return ESP_RST_CPU_LOCKUP;
  }
  return ESP_RST_UNKNOWN;
}

uint32_t esp_get_free_heap_size(void) { return Board::current().surroundings.freeHeapBytes; }

uint32_t esp_get_minimum_free_heap_size(void) { return esp_get_free_heap_size(); }

size_t heap_caps_get_free_size(uint32_t) { return Board::current().surroundings.freeHeapBytes; }

size_t heap_caps_get_largest_free_block(uint32_t) { return Board::current().surroundings.largestHeapBlockBytes; }

size_t heap_caps_get_minimum_free_size(uint32_t caps) { return heap_caps_get_free_size(caps); }

uint32_t esp_random(void) { return Board::current().random(); }

void esp_fill_random(void* bytes, size_t count) {
  std::generate_n(static_cast<uint8_t*>(bytes), count, [] { return static_cast<uint8_t>(esp_random()); });
}

esp_err_t esp_read_mac(uint8_t* mac, esp_mac_type_t type) {
  const auto& base = Board::current().options().mac;
  const std::string chip = Board::current().chip().name;
  // `esp_read_mac` of ESP-IDF 5.1 and newer knows no address of Wi-Fi where the chip has none.
  const bool isOfWifi = type == ESP_MAC_WIFI_STA || type == ESP_MAC_WIFI_SOFTAP;
  if (isOfWifi && (chip == "esp32h2" || chip == "esp32p4")) return ESP_ERR_NOT_SUPPORTED;
  if (type == ESP_MAC_IEEE802154) {
    const uint8_t eui64[8] = {base[0], base[1], base[2], 0xFF, 0xFE, base[3], base[4], base[5]};
    std::copy(std::begin(eui64), std::end(eui64), mac);
    return ESP_OK;
  }
  std::copy(base.begin(), base.end(), mac);
  // The other interfaces count up from the address of the station.
  if (type == ESP_MAC_WIFI_SOFTAP) mac[5] = static_cast<uint8_t>(mac[5] + 1);
  if (type == ESP_MAC_BT) mac[5] = static_cast<uint8_t>(mac[5] + 2);
  if (type == ESP_MAC_ETH) mac[5] = static_cast<uint8_t>(mac[5] + 3);
  return ESP_OK;
}

esp_err_t esp_task_wdt_add(TaskHandle_t) { return ESP_OK; }

esp_err_t esp_task_wdt_delete(TaskHandle_t) { return ESP_OK; }

esp_err_t esp_task_wdt_reset(void) { return ESP_OK; }

esp_err_t esp_task_wdt_status(TaskHandle_t) { return ESP_ERR_NOT_FOUND; }

namespace {
uint64_t wakeUpUs = 0;
}

esp_err_t esp_sleep_enable_timer_wakeup(uint64_t us) {
  wakeUpUs = us;
  return ESP_OK;
}

void esp_deep_sleep_start(void) {
  Board::current().clock.sleepUs(wakeUpUs);
  Board::current().power.restart(ResetReason::deep_sleep);
}

void esp_deep_sleep(uint64_t us) {
  esp_sleep_enable_timer_wakeup(us);
  esp_deep_sleep_start();
}

esp_sleep_wakeup_cause_t esp_sleep_get_wakeup_cause(void) {
  return Board::current().resetReason() == ResetReason::deep_sleep ? ESP_SLEEP_WAKEUP_TIMER
                                                                   : ESP_SLEEP_WAKEUP_UNDEFINED;
}

void esp_chip_info(esp_chip_info_t* info) {
  *info = {};
  info->revision = Board::current().chip().revision;
}
