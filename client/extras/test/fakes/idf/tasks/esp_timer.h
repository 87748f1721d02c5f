// ESP-IDF `esp_timer.h`: microseconds since the start, and timers. A timer runs out while any task waits, in that task.

#pragma once

#include <stdint.h>

#include "esp_err.h"

typedef void (*esp_timer_cb_t)(void* argument);
typedef enum { ESP_TIMER_TASK } esp_timer_dispatch_t;
typedef struct {
  esp_timer_cb_t callback;
  void* arg;
  esp_timer_dispatch_t dispatch_method;
  const char* name;
  bool skip_unhandled_events;
} esp_timer_create_args_t;
struct esp_timer;
typedef struct esp_timer* esp_timer_handle_t;

int64_t esp_timer_get_time(void);
/** A timer lives as long as the program; a restart of the board stops it. */
esp_err_t esp_timer_create(const esp_timer_create_args_t* settings, esp_timer_handle_t* timer);
esp_err_t esp_timer_start_once(esp_timer_handle_t timer, uint64_t us);
esp_err_t esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t us);
/** `ESP_ERR_INVALID_STATE` where it does not run. */
esp_err_t esp_timer_stop(esp_timer_handle_t timer);
esp_err_t esp_timer_delete(esp_timer_handle_t timer);
bool esp_timer_is_active(esp_timer_handle_t timer);
