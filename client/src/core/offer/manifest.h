// The answer to a check-in: nothing to do, or an offer with its manifest. Reads the fields once, strictly; from here on
// only these copies are used. It decides nothing about the board (`offer_validation.h` does).

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../error.h"
#include "../error_table.h"
#include "../update/idle_window.h"
#include "../wire/json.h"

namespace otter {

constexpr size_t kUrlChars = 200;

/** `manifest.json` of one image: the fields that a board acts on. Texts are checked and end in NUL. */
struct Manifest {
  char product[kMaxNameChars + 1];
  char version[kMaxVersionChars + 1];
  char chip[16];
  uint32_t securityVersion;
  uint32_t sizeBytes;
  uint8_t sha256[32];
  /** `app_elf_sha256`: what the running image says of itself; all zero where the image has none. */
  uint8_t elfSha256[32];
  /** `2026-11-23T10:00:00Z`. */
  char createdAt[21];
  /** The same, or `-`. */
  char expiresAt[21];
};

/** What the server answered to a check-in. */
struct CheckAnswer {
  bool isOffer;
  uint32_t pollIntervalS;
  uint64_t assignmentId;
  bool isRollback;
  /** An operator cleared this build on this board: it may be tried once more, although it is known bad. */
  bool isForgiven;
  /** The application may put it off for as long as it likes; the server says so of some rollouts. */
  bool isOptional;
  /** It was optional for long enough: the application is not asked. */
  bool isForced;
  Manifest manifest;
  /** A path on the same server, with its query. */
  char url[kUrlChars];
  InstallWindow installWindow;
};

/**
 * Reads an answer that was checked by `Json::parse`. `json` where it is not an answer to a check-in; of an offer,
 * `manifest_syntax` where a field is missing, malformed or of the wrong type, and `version_invalid`, `size`.
 */
Error readCheckAnswer(const Json& root, CheckAnswer& answer);

/**
 * The text that release keys sign (docs/device-protocol.md): nine lines. At most 512 bytes with the NUL.
 * Returns its length.
 */
constexpr size_t kCanonicalTextBytes = 512;
size_t writeCanonicalText(const Manifest& manifest, char text[kCanonicalTextBytes]);

/** Seconds since 1970 of `2026-11-23T10:00:00Z`; false for anything else. */
bool parseInstant(const char* text, int64_t& epochS);

/** 64 lower-case hex digits. */
bool parseSha256(const char* text, uint8_t sha256[32]);
void writeSha256(const uint8_t sha256[32], char text[65]);

}  // namespace otter
