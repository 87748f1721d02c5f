// Build settings of ESP-IDF. Those that name the chip are asked of the board: one program plays all chips here.

#pragma once

#include <stdint.h>

namespace board {
const char* chipName();
uint16_t chipId();
}  // namespace board

#define CONFIG_IDF_TARGET (board::chipName())
#define CONFIG_IDF_FIRMWARE_CHIP_ID (board::chipId())
#define CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE 1
#define CONFIG_APP_ROLLBACK_ENABLE 1
#define CONFIG_FREERTOS_HZ 1000
#define CONFIG_FREERTOS_NUMBER_OF_CORES 2
#define CONFIG_ARDUINO_RUNNING_CORE 1
