// What the client needs of a board, as five small interfaces. The core decides and knows only these; the ESP32
// implements them in `esp32_*.cpp`. Nothing here blocks for longer than it says, and nothing here decides.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../core/error.h"

namespace otter {

struct Pin;

constexpr uint8_t kNoSlot = 0xFF;
constexpr uint16_t kUnknownRevision = 0xFFFF;
/** The first bytes of an image, withheld from flash until the image is verified: without them no slot is bootable. */
constexpr size_t kHeaderBytes = 16;
/** Of the memory that a deep sleep leaves as it is, which sketch and library share: 8 KB, on an ESP32-H2 4 KB. */
constexpr size_t kSleepMemoryBytes = 768;

/** State of an image in otadata (`esp_ota_img_states_t`). */
enum class ImageState : uint8_t { undefined, fresh, pending_verify, valid, invalid, aborted };

/** Why the chip started (`esp_reset_reason_t`). */
enum class ResetReason : uint8_t {
  unknown,
  power_on,
  external,
  software,
  panic,
  interrupt_watchdog,
  task_watchdog,
  other_watchdog,
  deep_sleep,
  brownout,
  /** By the host of the chip, or by a cable. */
  sdio,
  usb,
  jtag,
  /** The fuses did not read well. */
  efuse,
  /** One that this library does not know. */
  other,
  /** A fault inside the handler of a fault: a crash that could not even say so. */
  cpu_lockup,
  /** The supply jumped for a moment. */
  pwr_glitch
};

/** The spare OTA slot: written once from the front, read back, and made bootable as the last step. */
class SpareSlot {
 public:
  /** Prepares for an image of this size. `no_ota_slot`, `size`, `busy`, `low_memory`. Touches no flash. */
  virtual Error begin(uint32_t sizeBytes) = 0;
  /** Appends. `flash_erase`, `flash_write`. The caller's buffer may be changed. */
  virtual Error write(uint8_t* bytes, size_t count) = 0;
  /**
   * All bytes are written: makes sure they are in flash, and hands out the header that was withheld. From here on the
   * image survives a restart and is not bootable. `flash_write` where the header could not be withheld.
   */
  virtual Error seal(uint8_t header[kHeaderBytes]) = 0;
  /** Reads what is in flash; the header reads as 0xFF until `activate`. `flash_read`. */
  virtual Error read(uint32_t offset, uint8_t* bytes, size_t count) = 0;
  /**
   * Writes the header and selects the slot for the next start, on trial. The platform verifies the whole image once
   * more. `flash_write`, `activate`. After a failure the running image is still the selected one.
   */
  virtual Error activate(const uint8_t header[kHeaderBytes]) = 0;
  /** Gives up what `begin` took. The slot stays as it is and is not bootable. */
  virtual void abort() = 0;

 protected:
  ~SpareSlot() = default;
};

/** What runs, what would run next, and how to go back. */
class Bootloader {
 public:
  /** Index of the running OTA slot; `kNoSlot` for a factory image. */
  virtual uint8_t runningSlot() = 0;
  /** Index of the slot that an update would be written to; `kNoSlot` where the table has no second one. */
  virtual uint8_t spareSlot() = 0;
  /** 0 where there is none. */
  virtual uint32_t spareSlotBytes() = 0;
  virtual ImageState runningState() = 0;
  /** True where otadata says that this slot was left: INVALID (it gave itself up) or ABORTED (reset on trial). */
  virtual bool wasLeft(uint8_t slot) = 0;
  /** `app_elf_sha256` of the running image: its identity. False where it has no app descriptor. */
  virtual bool runningElfSha256(uint8_t sha256[32]) = 0;
  /** `secure_version` of the running image. */
  virtual uint32_t runningSecurityVersion() = 0;
  /** Seconds since 1970 when the running image was built at the earliest; 0 where it does not say it. */
  virtual int64_t runningBuiltAtS() = 0;
  virtual ResetReason resetReason() = 0;
  /** Ends the trial of the running image well. Only for an image in PENDING_VERIFY or NEW. `activate`. */
  virtual Error markValid() = 0;
  /** Gives the running image up and restarts into the previous one. Returns only where that is impossible. */
  virtual Error giveUp() = 0;
  /** Selects another slot for the next start, where the bootloader cannot go back by itself. `activate`. */
  virtual Error select(uint8_t slot) = 0;
  /** Does not return on a board. */
  virtual void restart() = 0;

 protected:
  ~Bootloader() = default;
};

/** Non-volatile memory: small blobs, each written whole or not at all. */
class Store {
 public:
  /** Bytes read; 0 where there is nothing, or more than `capacity`. */
  virtual size_t load(const char* key, uint8_t* bytes, size_t capacity) = 0;
  /** `nvs`. Durable when it returns `ok`. */
  virtual Error save(const char* key, const uint8_t* bytes, size_t count) = 0;

 protected:
  ~Store() = default;
};

/** Clock, chance, and facts of the board. */
class System {
 public:
  /** Milliseconds since the start, of which waking up from deep sleep is one; never wraps. */
  virtual uint64_t nowMs() = 0;
  /** 32 random bits of the hardware. */
  virtual uint32_t random() = 0;
  /** Lets other tasks run for about this long, and keeps the watchdog quiet. */
  virtual void rest(uint32_t ms) = 0;
  virtual bool isNetworkUp() = 0;
  /** Free internal heap, and its largest block, in bytes. */
  virtual uint32_t freeHeapBytes() = 0;
  virtual uint32_t largestHeapBlockBytes() = 0;
  virtual uint32_t flashBytes() = 0;
  /** Signal strength in dBm, -127 to -1; 0 where it is unknown. */
  virtual int rssiDbm() = 0;
  /** `24:6f:28:aa:bb:cc`, with its NUL 18 bytes. */
  virtual void mac(char text[18]) = 0;
  /** `CONFIG_IDF_TARGET`: `esp32`, `esp32s3`, ... */
  virtual const char* chip() = 0;
  /** The number in byte 12 of images for this chip (`esp_chip_id_t`). */
  virtual uint16_t chipId() = 0;
  /** Revision of the chip, major * 100 + minor; `kUnknownRevision` where the platform does not say it. */
  virtual uint16_t chipRevision() = 0;
  /** A download begins or ends: modem sleep off and on. */
  virtual void onDownload(bool isRunning) = 0;
  /**
   * `kSleepMemoryBytes` that a deep sleep leaves as they are, aligned to 4; all zero after any other start, and after
   * every one where the chip has no such memory. A build that wakes up in the place of another finds anything there.
   * nullptr where there are none.
   */
  virtual void* sleepMemory() { return nullptr; }

 protected:
  ~System() = default;
};

/** One TLS connection to the server. The pin is checked inside the handshake, before a byte of a request is sent. */
class Connection {
 public:
  /** `no_network`, `dns`, `connect`, `tls`, `pin_mismatch`, `timeout`, `low_memory`. Closed after a failure. */
  virtual Error open(const char* host, uint16_t port) = 0;
  /** Sends all of it. `connection_lost`, `stalled`. */
  virtual Error write(const char* bytes, size_t count) = 0;
  /** Waits for at least one byte; `received` 0 with `ok` is the end of the stream. `connection_lost`, `stalled`. */
  virtual Error read(uint8_t* bytes, size_t capacity, size_t& received) = 0;
  virtual void close() = 0;
  virtual bool isOpen() = 0;
  /**
   * These pins, which live on, hold beside those of the sketch, in the place of others that this call named before. It
   * keeps nothing of connections that were made under those.
   */
  virtual void configurePins(const Pin* pins, size_t count) {
    (void)pins;
    (void)count;
  }
  /** What exactly was wrong with the last `open` that failed; empty where the error says it all. */
  virtual const char* detail() { return ""; }

 protected:
  ~Connection() = default;
};

}  // namespace otter
