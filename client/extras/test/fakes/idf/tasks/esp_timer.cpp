// `esp_timer.h`: timers in board time.

#include "esp_timer.h"

#include <algorithm>
#include <list>
#include <mutex>

#include "board/board.h"
#include "timers.h"

using board::Board;

struct esp_timer {
  esp_timer_cb_t callback;
  void* argument;
  bool isActive;
  uint64_t dueUs;
  /** 0: once. */
  uint64_t periodUs;
};

namespace {

std::mutex timersMutex;
// Never shorter: handles are often kept in static variables, which outlive the board of a test.
std::list<esp_timer> timers;

const bool isRegistered = [] {
  Board::atPowerOff([] {
    const std::lock_guard<std::mutex> lock(timersMutex);
    for (esp_timer& timer : timers) timer.isActive = false;
  });
  return true;
}();

esp_err_t start(esp_timer_handle_t timer, uint64_t us, uint64_t periodUs) {
  const std::lock_guard<std::mutex> lock(timersMutex);
  if (timer == nullptr) return ESP_ERR_INVALID_ARG;
  if (timer->isActive) return ESP_ERR_INVALID_STATE;
  timer->isActive = true;
  timer->dueUs = Board::current().upUs() + us;
  timer->periodUs = periodUs;
  return ESP_OK;
}

/** Takes one timer that is due; its callback is called without the lock. */
esp_timer* takeDue() {
  const std::lock_guard<std::mutex> lock(timersMutex);
  const uint64_t nowUs = Board::current().upUs();
  for (esp_timer& timer : timers) {
    if (!timer.isActive || timer.dueUs > nowUs) continue;
    timer.isActive = timer.periodUs > 0;
    timer.dueUs = nowUs + timer.periodUs;
    return &timer;
  }
  return nullptr;
}

}  // namespace

int64_t esp_timer_get_time(void) { return static_cast<int64_t>(Board::current().upUs()); }

esp_err_t esp_timer_create(const esp_timer_create_args_t* settings, esp_timer_handle_t* timer) {
  if (settings == nullptr || settings->callback == nullptr || timer == nullptr) return ESP_ERR_INVALID_ARG;
  const std::lock_guard<std::mutex> lock(timersMutex);
  timers.push_back({settings->callback, settings->arg, false, 0, 0});
  *timer = &timers.back();
  return ESP_OK;
}

esp_err_t esp_timer_start_once(esp_timer_handle_t timer, uint64_t us) { return start(timer, us, 0); }

esp_err_t esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t us) { return start(timer, us, us); }

esp_err_t esp_timer_stop(esp_timer_handle_t timer) {
  const std::lock_guard<std::mutex> lock(timersMutex);
  if (timer == nullptr) return ESP_ERR_INVALID_ARG;
  if (!timer->isActive) return ESP_ERR_INVALID_STATE;
  timer->isActive = false;
  return ESP_OK;
}

esp_err_t esp_timer_delete(esp_timer_handle_t timer) { return timer == nullptr ? ESP_ERR_INVALID_ARG : ESP_OK; }

bool esp_timer_is_active(esp_timer_handle_t timer) {
  const std::lock_guard<std::mutex> lock(timersMutex);
  return timer != nullptr && timer->isActive;
}

namespace fakes {

void runDueTimers() {
  while (esp_timer* timer = takeDue()) timer->callback(timer->argument);
}

uint64_t untilNextTimerUs() {
  const std::lock_guard<std::mutex> lock(timersMutex);
  const uint64_t nowUs = Board::current().upUs();
  uint64_t leastUs = UINT64_MAX;
  for (const esp_timer& timer : timers) {
    if (timer.isActive) leastUs = std::min(leastUs, timer.dueUs > nowUs ? timer.dueUs - nowUs : 0);
  }
  return leastUs;
}

}  // namespace fakes
