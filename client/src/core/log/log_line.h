// One line for each event: what happened, why where something failed, and what to do about it. For people at a serial
// monitor; two things that are different never look alike. Pure: a text in a buffer.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../update/application.h"

namespace otter {

/** Longest line, with its NUL: an error with its sentence, a detail and the advice. */
constexpr size_t kLogLineBytes = 448;

enum class LogLevel : uint8_t { info, warning, error };

LogLevel levelOf(Event event);

/** Without an end of line. What does not fit is left out. */
void writeLogLine(Event event, Error error, const EventFacts& facts, char* text, size_t capacity);

/** `name: sentence (detail). Advice` for an error that is no event, such as a setting that is wrong. */
void writeErrorLine(const char* what, Error error, const char* detail, char* text, size_t capacity);

}  // namespace otter
