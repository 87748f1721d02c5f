// ESP-IDF `esp_attr.h`: where a variable lives. Those of RTC memory lie together, so that a board can carry them over a deep
// sleep (`board/rtc_memory.h`). On a computer all others live where every variable does.

#pragma once

#define RTC_DATA_ATTR __attribute__((section("otter_rtc_data")))
#define RTC_NOINIT_ATTR
#define IRAM_ATTR
