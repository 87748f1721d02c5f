// `client/src/core/firmware_marker.h` declares the same object as constant. That header is not included here on
// purpose: the object of the host can be written, and the library only ever reads it.

#include "board/image/running_marker.h"

#include <cstring>

extern "C" {
alignas(4) unsigned char otter_firmware_marker[board::kMarkerBytes];
}

namespace board {

void loadRunningMarker(const Marker& marker) {
  std::memcpy(otter_firmware_marker, marker.bytes.data(), marker.bytes.size());
}

const uint8_t* runningMarker() { return otter_firmware_marker; }

}  // namespace board
