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

bool isInInstallWindow(const InstallWindow& window, int64_t epochS) {
  if (window.durationMin == 0) return true;
  if (epochS <= 0) return false;
  // A day more, so that nothing is negative just after 1970.
  const int64_t localMinute = epochS / 60 + window.utcOffsetMin + kMinutesOfDay;
  const int64_t sinceOpen = (localMinute - window.fromMinute + kMinutesOfDay) % kMinutesOfDay;
  return sinceOpen < window.durationMin;
}

}  // namespace otter
