#include "rtc_memory.h"

#include <stdexcept>

// The linker makes them of the name of the section; a program without such variables has none.
extern "C" {
extern uint8_t __start_otter_rtc_data[] __attribute__((weak));
extern uint8_t __stop_otter_rtc_data[] __attribute__((weak));
}

namespace board {

RtcMemory rtcMemory() {
  const auto bytes = static_cast<size_t>(__stop_otter_rtc_data - __start_otter_rtc_data);
  if (bytes > kRtcMemoryBytes) throw std::runtime_error("more RTC memory than a chip has");
  return {__start_otter_rtc_data, bytes};
}

}  // namespace board
