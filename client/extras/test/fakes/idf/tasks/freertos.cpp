// FreeRTOS over threads. A task that finds the board off ends; powering on waits for all of them.

#include "freertos/FreeRTOS.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <new>
#include <thread>

#include "board/board.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "timers.h"

using board::Board;

/** Counts up to `limit`; a mutex is one that begins at 1. */
struct QueueDefinition {
  std::mutex mutex;
  std::condition_variable given;
  unsigned count;
  bool isStatic;
  // For recursive mutexes.
  std::thread::id owner;
  unsigned depth;
};
static_assert(sizeof(QueueDefinition) <= sizeof(StaticSemaphore_t), "StaticSemaphore_t is too small");

struct tskTaskControlBlock {
  std::mutex mutex;
  std::condition_variable notified;
  uint32_t notifications = 0;
  std::thread thread;
};

namespace {

/** Thrown by `vTaskDelete(nullptr)`. */
struct TaskEnd {};

std::mutex tasksMutex;
std::list<tskTaskControlBlock> tasks;
// The main task too can be notified.
tskTaskControlBlock mainTask;
thread_local tskTaskControlBlock* currentTask = &mainTask;

void run(tskTaskControlBlock* task, TaskFunction_t function, void* argument) {
  currentTask = task;
  try {
    function(argument);
  } catch (const TaskEnd&) {
  } catch (const board::PowerCut&) {
    // The board is off now; whoever waits for it sees that.
  } catch (const board::Restart&) {
  }
}

const bool isRegistered = [] {
  Board::atPowerOff([] {
    std::list<tskTaskControlBlock> ending;
    {
      const std::lock_guard<std::mutex> lock(tasksMutex);
      ending.swap(tasks);
    }
    for (auto& task : ending) {
      task.notified.notify_all();
      task.thread.join();
    }
    mainTask.notifications = 0;
  });
  return true;
}();

/** Waits in slices, so that a board that goes off is noticed. True where `isReady` came true. */
template <typename IsReady>
bool waitFor(std::unique_lock<std::mutex>& lock, std::condition_variable& signal, TickType_t ticks, IsReady isReady) {
  constexpr auto kSlice = std::chrono::milliseconds(2);
  board::Clock& clock = Board::current().clock;
  const uint64_t endUs = clock.nowUs() + uint64_t{ticks} * 1000;
  while (!isReady()) {
    Board::current().power.requireOn();
    if (ticks != portMAX_DELAY && clock.nowUs() >= endUs) return false;
    if (signal.wait_for(lock, kSlice) == std::cv_status::no_timeout || isReady()) continue;
    lock.unlock();
    fakes::runDueTimers();
    lock.lock();
    // On a clock that takes no time for waits, the time that is left passes at once.
    const uint64_t nowUs = clock.nowUs();
    if (ticks != portMAX_DELAY && clock.isSkippingWaits() && nowUs < endUs) clock.sleepUs(endUs - nowUs);
  }
  return true;
}

QueueDefinition* makeSemaphore(void* memory, unsigned count) {
  auto* semaphore = memory == nullptr ? new QueueDefinition : new (memory) QueueDefinition;
  semaphore->count = count;
  semaphore->isStatic = memory != nullptr;
  semaphore->depth = 0;
  return semaphore;
}

}  // namespace

BaseType_t xTaskCreatePinnedToCore(TaskFunction_t function, const char*, uint32_t, void* argument, UBaseType_t,
                                   TaskHandle_t* task, BaseType_t) {
  const std::lock_guard<std::mutex> lock(tasksMutex);
  tskTaskControlBlock& made = tasks.emplace_back();
  if (task != nullptr) *task = &made;
  made.thread = std::thread(run, &made, function, argument);
  return pdPASS;
}

BaseType_t xTaskCreate(TaskFunction_t function, const char* name, uint32_t stackBytes, void* argument,
                       UBaseType_t priority, TaskHandle_t* task) {
  return xTaskCreatePinnedToCore(function, name, stackBytes, argument, priority, task, tskNO_AFFINITY);
}

TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t function, const char* name, uint32_t stackBytes,
                                           void* argument, UBaseType_t priority, StackType_t*, StaticTask_t*,
                                           BaseType_t core) {
  TaskHandle_t task = nullptr;
  xTaskCreatePinnedToCore(function, name, stackBytes, argument, priority, &task, core);
  return task;
}

void vTaskDelete(TaskHandle_t task) {
  if (task == nullptr || task == currentTask) throw TaskEnd{};
}

void vTaskDelay(TickType_t ticks) {
  // In pieces, so that a long wait ends soon after the board went off, and timers run out in time.
  constexpr uint64_t kPieceUs = 50000;
  board::Clock& clock = Board::current().clock;
  uint64_t leftUs = uint64_t{ticks} * 1000;
  do {
    Board::current().power.requireOn();
    uint64_t pieceUs = std::min(leftUs, fakes::untilNextTimerUs());
    if (!clock.isSkippingWaits()) pieceUs = std::min(pieceUs, kPieceUs);
    // `loop()` waits as well, all the time; only the tasks know when nothing is to be done.
    if (currentTask == &mainTask) {
      clock.sleepUs(pieceUs);
    } else {
      clock.restUs(pieceUs);
    }
    leftUs -= pieceUs;
    fakes::runDueTimers();
  } while (leftUs > 0);
  Board::current().power.requireOn();
}

void taskYIELD(void) { std::this_thread::yield(); }

TickType_t xTaskGetTickCount(void) { return static_cast<TickType_t>(Board::current().upUs() / 1000); }

TaskHandle_t xTaskGetCurrentTaskHandle(void) { return currentTask; }

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t) { return 4096; }

BaseType_t xTaskNotifyGive(TaskHandle_t task) {
  const std::lock_guard<std::mutex> lock(task->mutex);
  ++task->notifications;
  task->notified.notify_all();
  return pdPASS;
}

uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks) {
  tskTaskControlBlock& task = *currentTask;
  std::unique_lock<std::mutex> lock(task.mutex);
  if (!waitFor(lock, task.notified, ticks, [&] { return task.notifications > 0; })) return 0;
  const uint32_t before = task.notifications;
  task.notifications = clear == pdTRUE ? 0 : before - 1;
  return before;
}

BaseType_t xPortGetCoreID(void) { return 1; }

SemaphoreHandle_t xSemaphoreCreateMutex(void) { return makeSemaphore(nullptr, 1); }

SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t* memory) { return makeSemaphore(memory->bytes, 1); }

SemaphoreHandle_t xSemaphoreCreateRecursiveMutex(void) { return makeSemaphore(nullptr, 1); }

SemaphoreHandle_t xSemaphoreCreateRecursiveMutexStatic(StaticSemaphore_t* memory) {
  return makeSemaphore(memory->bytes, 1);
}

SemaphoreHandle_t xSemaphoreCreateBinary(void) { return makeSemaphore(nullptr, 0); }

SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t* memory) { return makeSemaphore(memory->bytes, 0); }

void vSemaphoreDelete(SemaphoreHandle_t semaphore) {
  if (semaphore->isStatic) {
    semaphore->~QueueDefinition();
  } else {
    delete semaphore;
  }
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks) {
  std::unique_lock<std::mutex> lock(semaphore->mutex);
  if (!waitFor(lock, semaphore->given, ticks, [&] { return semaphore->count > 0; })) return pdFALSE;
  --semaphore->count;
  return pdTRUE;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore) {
  const std::lock_guard<std::mutex> lock(semaphore->mutex);
  if (semaphore->count > 0) return pdFALSE;
  semaphore->count = 1;
  semaphore->given.notify_one();
  return pdTRUE;
}

BaseType_t xSemaphoreTakeRecursive(SemaphoreHandle_t semaphore, TickType_t ticks) {
  std::unique_lock<std::mutex> lock(semaphore->mutex);
  const auto self = std::this_thread::get_id();
  if (semaphore->depth == 0 || semaphore->owner != self) {
    if (!waitFor(lock, semaphore->given, ticks, [&] { return semaphore->depth == 0; })) return pdFALSE;
    semaphore->owner = self;
  }
  ++semaphore->depth;
  return pdTRUE;
}

BaseType_t xSemaphoreGiveRecursive(SemaphoreHandle_t semaphore) {
  const std::lock_guard<std::mutex> lock(semaphore->mutex);
  if (semaphore->depth == 0 || semaphore->owner != std::this_thread::get_id()) return pdFALSE;
  if (--semaphore->depth == 0) semaphore->given.notify_one();
  return pdTRUE;
}
