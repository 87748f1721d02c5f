// ESP-IDF `soc/soc_caps.h` of a chip without Wi-Fi, such as the ESP32-H2: what is not there is not defined.

#pragma once

#define SOC_IEEE802154_SUPPORTED 1
#define SOC_RTC_MEM_SUPPORTED 1
