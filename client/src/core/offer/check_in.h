// The bodies of the three requests that a board sends (docs/device-protocol.md), as JSON in a buffer.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error_table.h"
#include "../memory/journal.h"
#include "../trust/pin.h"
#include "../trust/signature.h"

namespace otter {

const char* nameOf(ResetReason reason);

/** What a check-in says of the board. */
struct CheckIn {
  const char* mac;
  const char* version;
  const char* product;
  const char* chip;
  const char* const* labelHints;
  size_t labelHintCount;
  uint32_t slotBytes;
  /** nullptr where the running image has no identity. */
  const uint8_t* imageSha256;
  bool isOnTrial;
  bool canRollBack;
  ResetReason resetReason;
  /** Empty where no build was left. */
  const char* leftVersion;
  /** Seconds since the last restart; waking up from deep sleep is one. */
  uint32_t uptimeS;
  uint32_t flashBytes;
  /** Major * 100 + minor; `kUnknownRevision` is not sent. */
  uint16_t chipRevision;
  /** The offer that the application put off, and why, in its words; 0: none. */
  uint64_t postponedId;
  const char* postponedReason;
  /** Seconds until the board means to check again; 0: as the server says. */
  uint32_t nextCheckS;
  uint32_t freeHeapBytes;
  uint32_t largestBlockBytes;
  /** 0: unknown. */
  int rssiDbm;
  /** Ids of the release keys of the sketch, and how many of them have to sign. */
  const char (*releaseKeyIds)[kKeyIdBytes];
  size_t releaseKeyCount;
  uint8_t signaturesNeeded;
  /** Of the sketch. */
  const Pin* pins;
  size_t pinCount;
  /** Of the configuration that it holds, 0: of none; and why it did not take the last one, `ok`: it did. */
  uint32_t configurationSequence;
  Error configurationError;
  const char* library;
};

/** Length of the text; 0 where it does not fit. */
size_t writeCheckIn(const CheckIn& checkIn, char* text, size_t capacity);
size_t writeReport(const char* mac, const Report& report, char* text, size_t capacity);
size_t writeEnrolment(const char* mac, const char* token, char* text, size_t capacity);

}  // namespace otter
