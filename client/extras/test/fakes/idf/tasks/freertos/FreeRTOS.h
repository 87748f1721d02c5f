// FreeRTOS as ESP-IDF builds it, one tick a millisecond, over the threads of the computer.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sdkconfig.h"

typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;
typedef uint8_t StackType_t;

#define pdFALSE 0
#define pdTRUE 1
#define pdPASS 1
#define pdFAIL 0
#define configTICK_RATE_HZ 1000
#define portTICK_PERIOD_MS 1
#define portMAX_DELAY 0xffffffffUL
#define pdMS_TO_TICKS(ms) ((TickType_t)(ms))
#define pdTICKS_TO_MS(ticks) ((TickType_t)(ticks))
#define tskNO_AFFINITY 0x7FFFFFFF
#define portNUM_PROCESSORS CONFIG_FREERTOS_NUMBER_OF_CORES
