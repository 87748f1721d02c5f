// The hours in which a board may install, over midnight and time zones.

#include "core/update/idle_window.h"

#include <doctest/doctest.h>

#include <string>

using namespace otter;

namespace {

constexpr int64_t kMidnightS = 1'795'392'000;  // 2026-11-23T00:00:00Z

struct Row {
  const char* name;
  IdleHours hours;
  int64_t epochS;
  bool isIdle;
};

constexpr int64_t at(int hour, int minute, int second) { return kMidnightS + hour * 3600 + minute * 60 + second; }

constexpr Row kRows[] = {
    {"equal hours mean always", {0, 0, 0}, at(12, 0, 0), true},
    {"equal hours mean always, also without a clock", {3, 3, 0}, 0, true},
    {"no clock", {2, 5, 0}, 0, false},
    {"no clock, over midnight", {22, 5, 0}, 0, false},
    {"a second before", {2, 5, 0}, at(1, 59, 59), false},
    {"the first second", {2, 5, 0}, at(2, 0, 0), true},
    {"the last second", {2, 5, 0}, at(4, 59, 59), true},
    {"a second after", {2, 5, 0}, at(5, 0, 0), false},
    {"over midnight: before", {22, 5, 0}, at(21, 59, 59), false},
    {"over midnight: the first second", {22, 5, 0}, at(22, 0, 0), true},
    {"over midnight: midnight", {22, 5, 0}, at(24, 0, 0), true},
    {"over midnight: the last second", {22, 5, 0}, at(28, 59, 59), true},
    {"over midnight: after", {22, 5, 0}, at(5, 0, 0), false},
    {"up to midnight", {22, 24, 0}, at(23, 59, 59), true},
    {"up to midnight, and then", {22, 24, 0}, at(24, 0, 0), false},
    {"from midnight", {0, 6, 0}, at(0, 0, 0), true},
    {"two hours east", {2, 5, 120}, at(0, 0, 0), true},
    {"two hours east, too early", {2, 5, 120}, at(-1, 59, 59), false},
    {"half past five east", {2, 5, 330}, at(20, 30, 0), true},
    {"eight hours west", {2, 5, -480}, at(10, 0, 0), true},
    {"eight hours west, too late", {2, 5, -480}, at(13, 0, 0), false},
};

}  // namespace

TEST_CASE("a board is idle in its hours, and only there") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    CHECK(isInIdleHours(row.hours, row.epochS) == row.isIdle);
  }
}

namespace {

struct WindowRow {
  const char* name;
  InstallWindow window;
  int64_t epochS;
  bool isOpen;
};

constexpr WindowRow kWindowRows[] = {
    {"no window", {0, 0, 0}, at(12, 0, 0), true},
    {"no window, no clock", {0, 0, 0}, 0, true},
    {"no clock", {120, 180, 0}, 0, false},
    {"no clock, all day", {0, 1440, 0}, 0, false},
    {"a second before", {120, 180, 0}, at(1, 59, 59), false},
    {"the first second", {120, 180, 0}, at(2, 0, 0), true},
    {"the last second", {120, 180, 0}, at(4, 59, 59), true},
    {"a second after", {120, 180, 0}, at(5, 0, 0), false},
    {"one minute: the second before", {735, 1, 0}, at(12, 14, 59), false},
    {"one minute: all of it", {735, 1, 0}, at(12, 15, 59), true},
    {"one minute: the second after", {735, 1, 0}, at(12, 16, 0), false},
    {"over midnight: before", {1320, 240, 0}, at(21, 59, 59), false},
    {"over midnight: the first second", {1320, 240, 0}, at(22, 0, 0), true},
    {"over midnight: midnight", {1320, 240, 0}, at(24, 0, 0), true},
    {"over midnight: the last second", {1320, 240, 0}, at(1, 59, 59), true},
    {"over midnight: after", {1320, 240, 0}, at(2, 0, 0), false},
    {"from the last minute on", {1439, 2, 0}, at(0, 0, 59), true},
    {"from the last minute on, after", {1439, 2, 0}, at(0, 1, 0), false},
    {"all day", {0, 1440, 0}, at(23, 59, 59), true},
    {"all day from noon", {720, 1440, 0}, at(11, 59, 59), true},
    {"all day but a minute", {720, 1439, 0}, at(11, 59, 0), false},
    {"half past five east", {120, 180, 330}, at(20, 30, 0), true},
    {"half past five east, too early", {120, 180, 330}, at(20, 29, 59), false},
    {"fourteen hours east", {0, 60, 840}, at(10, 0, 0), true},
    {"fourteen hours east, after", {0, 60, 840}, at(11, 0, 0), false},
    {"fourteen hours west", {0, 60, -840}, at(14, 0, 0), true},
    {"eight hours west, over midnight", {1380, 120, -480}, at(8, 59, 59), true},
    {"eight hours west, over midnight, after", {1380, 120, -480}, at(9, 0, 0), false},
    {"the first minute of 1970, west of it", {600, 60, -840}, 1, true},
    {"the year 2106", {388, 1, 0}, 4294967296, true},
};

}  // namespace

TEST_CASE("a window of the server is open in its minutes, and only there") {
  for (const WindowRow& row : kWindowRows) {
    CAPTURE(row.name);
    CHECK(isInInstallWindow(row.window, row.epochS) == row.isOpen);
  }
}

TEST_CASE("a window is open for as many minutes of the day as it is long") {
  for (const int from : {0, 1, 720, 1439})
    for (const int duration : {1, 2, 719, 1439, 1440})
      for (const int offset : {-840, -61, 0, 345, 840}) {
        CAPTURE(from);
        CAPTURE(duration);
        CAPTURE(offset);
        const InstallWindow window = {static_cast<uint16_t>(from), static_cast<uint16_t>(duration),
                                      static_cast<int16_t>(offset)};
        int open = 0;
        for (int minute = 0; minute < 1440; ++minute) open += isInInstallWindow(window, at(0, minute, 0)) ? 1 : 0;
        CHECK(open == duration);
      }
}
