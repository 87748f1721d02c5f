// ESP-IDF `esp_attr.h`: where a variable lives. On a computer, where every other one does: it does not outlive a reset.

#pragma once

#define RTC_DATA_ATTR
#define RTC_NOINIT_ATTR
#define IRAM_ATTR
