// When an image was built, by the words of a compiler.

#include "core/offer/build_date.h"

#include <doctest/doctest.h>

#include <cstring>

using otter::parseBuildDate;

TEST_CASE("a build date is read as UTC, less a day for the time zone that nobody knows") {
  CHECK(parseBuildDate("Nov 23 2026", "12:07:27") == 1795435647 - 86400);
  CHECK(parseBuildDate("Jan  1 2026", "00:00:00") == 1767225600 - 86400);
  CHECK(parseBuildDate("Feb 29 2028", "23:59:59") == 1835481599 - 86400);
}

TEST_CASE("what is no build date says nothing") {
  const char* const dates[] = {"", "2026-11-23", "Nov 23 26", "Nov 31 2026", "nov 23 2026", "Feb 29 2027", "Nov  0 2026"};
  for (const char* date : dates) {
    CAPTURE(date);
    CHECK(parseBuildDate(date, "12:07:27") == 0);
  }
  const char* const times[] = {"", "12:07", "24:00:00", "12.07.27", "12:07:271"};
  for (const char* time : times) {
    CAPTURE(time);
    CHECK(parseBuildDate("Nov 23 2026", time) == 0);
  }
}
