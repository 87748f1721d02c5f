// The log of the core: lines on the first UART, those of `CORE_DEBUG_LEVEL` and below. A board is built without one, which
// is the default of the IDE: then nothing is written, and the arguments are not even looked at.

#pragma once

#include <stdio.h>

#ifndef CORE_DEBUG_LEVEL
#define CORE_DEBUG_LEVEL 0
#endif

int log_printf(const char* format, ...) __attribute__((format(printf, 1, 2)));

#if CORE_DEBUG_LEVEL >= 3
#define log_i(format, ...) log_printf("[I] " format "\r\n", ##__VA_ARGS__)
#else
#define log_i(format, ...)
#endif
#if CORE_DEBUG_LEVEL >= 2
#define log_w(format, ...) log_printf("[W] " format "\r\n", ##__VA_ARGS__)
#else
#define log_w(format, ...)
#endif
#if CORE_DEBUG_LEVEL >= 1
#define log_e(format, ...) log_printf("[E] " format "\r\n", ##__VA_ARGS__)
#else
#define log_e(format, ...)
#endif
