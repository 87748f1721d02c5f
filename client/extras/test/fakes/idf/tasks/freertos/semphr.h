// FreeRTOS mutexes and binary semaphores.

#pragma once

#include "FreeRTOS.h"
#include "task.h"

struct QueueDefinition;
typedef struct QueueDefinition* SemaphoreHandle_t;
typedef SemaphoreHandle_t QueueHandle_t;

/** Room for a semaphore that is made without heap; lives as long as the semaphore. */
typedef struct {
  alignas(16) unsigned char bytes[192];
} StaticSemaphore_t;

SemaphoreHandle_t xSemaphoreCreateMutex(void);
SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t* memory);
SemaphoreHandle_t xSemaphoreCreateRecursiveMutex(void);
SemaphoreHandle_t xSemaphoreCreateRecursiveMutexStatic(StaticSemaphore_t* memory);
/** Empty at first. */
SemaphoreHandle_t xSemaphoreCreateBinary(void);
SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t* memory);
void vSemaphoreDelete(SemaphoreHandle_t semaphore);
BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks);
BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore);
BaseType_t xSemaphoreTakeRecursive(SemaphoreHandle_t semaphore, TickType_t ticks);
BaseType_t xSemaphoreGiveRecursive(SemaphoreHandle_t semaphore);
