// The second-stage bootloader: which slot starts. It follows ESP-IDF `bootloader_utility.c`, without factory and test
// partitions, encryption and the anti-rollback fuse. It starts nothing that does not verify.

#pragma once

#include <cstdint>
#include <optional>

#include "board/flash/flash.h"
#include "board/image/image.h"
#include "board/flash/layout.h"

namespace board {

enum class BootloaderKind : uint8_t {
  /** `CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE`. */
  rollback,
  /** As flashed with Arduino core 2.0.3 and older: takes the newest entry and leaves its state as it is. */
  no_rollback
};

/**
 * The slot that starts, or nothing where no slot holds a whole image for this chip (a real board then resets for ever).
 * Writes otadata: what was on trial is ABORTED, what is NEW goes on trial, and an empty otadata gets its first entry.
 */
std::optional<uint8_t> boot(Flash& flash, const Layout& layout, const Chip& chip, BootloaderKind kind);

}  // namespace board
