// The hours in which a board may install, over midnight and time zones.

#include "core/idle_window.h"

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
