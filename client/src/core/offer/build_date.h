// When an image was built, as its app descriptor says it. It is the least that a board without a clock knows of the
// time.

#pragma once

#include <stdint.h>

namespace otter {

/**
 * `Nov 23 2026` and `12:07:27`, as a compiler writes them in whatever time zone it was in: a day is taken off, so that
 * no board believes in a time that has not come. 0 for anything else.
 */
int64_t parseBuildDate(const char* date, const char* time);

}  // namespace otter
