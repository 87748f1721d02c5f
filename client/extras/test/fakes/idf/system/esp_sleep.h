// ESP-IDF `esp_sleep.h`: deep sleep ends the program and starts it again.

#pragma once

#include "esp_err.h"

typedef enum { ESP_SLEEP_WAKEUP_UNDEFINED, ESP_SLEEP_WAKEUP_TIMER = 4 } esp_sleep_wakeup_cause_t;

esp_err_t esp_sleep_enable_timer_wakeup(uint64_t us);
[[noreturn]] void esp_deep_sleep_start(void);
[[noreturn]] void esp_deep_sleep(uint64_t us);
esp_sleep_wakeup_cause_t esp_sleep_get_wakeup_cause(void);
