// ESP-IDF `soc/soc_caps.h` of a chip with Wi-Fi.

#pragma once

#define SOC_WIFI_SUPPORTED 1
#define SOC_RTC_MEM_SUPPORTED 1
