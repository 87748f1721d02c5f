#include "idle_window.h"

namespace otter {

bool isInIdleHours(const IdleHours& hours, int64_t epochS) {
  if (hours.fromHour == hours.toHour) return true;
  if (epochS <= 0) return false;
  const int64_t localS = epochS + static_cast<int64_t>(hours.utcOffsetMinutes) * 60;
  const int64_t hour = localS / 3600 % 24;
  if (hours.fromHour < hours.toHour) return hour >= hours.fromHour && hour < hours.toHour;
  return hour >= hours.fromHour || hour < hours.toHour;
}

}  // namespace otter
