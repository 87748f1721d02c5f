// The marker constant of the program that runs. On a chip it is part of the image and read from flash; on a computer,
// where one program plays many images, loading an image means filling it.

#pragma once

#include "board/image/image.h"

namespace board {

void loadRunningMarker(const Marker& marker);
/** The 88 bytes as the program sees them. */
const uint8_t* runningMarker();

}  // namespace board
