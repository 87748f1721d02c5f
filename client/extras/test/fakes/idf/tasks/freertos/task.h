// FreeRTOS tasks. Each is a thread; `vTaskDelay` waits in board time. Priorities, cores and stack sizes are taken and
// ignored.

#pragma once

#include "FreeRTOS.h"

struct tskTaskControlBlock;
typedef struct tskTaskControlBlock* TaskHandle_t;
typedef void (*TaskFunction_t)(void*);

/** Room for a task that is made without heap. */
typedef struct {
  void* task;
} StaticTask_t;

typedef enum { eNoAction, eSetBits, eIncrement, eSetValueWithOverwrite, eSetValueWithoutOverwrite } eNotifyAction;

BaseType_t xTaskCreatePinnedToCore(TaskFunction_t function, const char* name, uint32_t stackBytes, void* argument,
                                   UBaseType_t priority, TaskHandle_t* task, BaseType_t core);
BaseType_t xTaskCreate(TaskFunction_t function, const char* name, uint32_t stackBytes, void* argument,
                       UBaseType_t priority, TaskHandle_t* task);
TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t function, const char* name, uint32_t stackBytes,
                                           void* argument, UBaseType_t priority, StackType_t* stack,
                                           StaticTask_t* memory, BaseType_t core);
/** nullptr ends the task that calls; another task cannot be ended here. */
void vTaskDelete(TaskHandle_t task);
void vTaskDelay(TickType_t ticks);
void taskYIELD(void);
TickType_t xTaskGetTickCount(void);
TaskHandle_t xTaskGetCurrentTaskHandle(void);
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
BaseType_t xTaskNotifyGive(TaskHandle_t task);
uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks);
BaseType_t xPortGetCoreID(void);
