// ESP-IDF 4.4: the addresses and facts of the chip are declared here; the reasons for a reset end with SDIO.

#pragma once

#define OTTER_FAKE_IDF_4
#include_next <esp_system.h>

typedef enum { ESP_MAC_WIFI_STA, ESP_MAC_WIFI_SOFTAP, ESP_MAC_BT, ESP_MAC_ETH } esp_mac_type_t;
esp_err_t esp_read_mac(uint8_t* mac, esp_mac_type_t type);

typedef struct {
  int model;
  uint32_t features;
  uint8_t cores;
  uint8_t revision;
} esp_chip_info_t;
void esp_chip_info(esp_chip_info_t* info);
