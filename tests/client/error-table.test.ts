// The header of the Arduino library is the table and the limits of the protocol. `OTTER_UPDATE_DOCS=1 npx otter dev unit
// tests/client/error-table.test.ts` writes it anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DEVICE_ERRORS } from '#protocol/device/errors.ts';
import * as limits from '#protocol/limits.ts';
import { MANIFEST_FORMAT } from '#protocol/device/manifest.ts';

const HEADER = join(import.meta.dirname, '../../client/src/core/error_table.h');

test('the library has the device errors and the limits of the protocol', () => {
  const expected = header();
  if (process.env['OTTER_UPDATE_DOCS'] === '1') writeFileSync(HEADER, expected);
  expect(readFileSync(HEADER, 'utf8')).toBe(expected);
});

function header(): string {
  const rows = DEVICE_ERRORS.map(
    ({ number, name, text, retryable, fault }) =>
      `  X(${number}, ${name}, ${JSON.stringify(text)}, ${retryable}, ${fault})`,
  );
  return `// Generated from protocol/device/errors.ts and protocol/limits.ts of the Otter repository; a test compares it.

#pragma once

#include <stddef.h>
#include <stdint.h>

/** X(number, name, text, retryable, fault) */
#define OTTER_ERROR_TABLE(X) \\
${rows.join(' \\\n')}

namespace otter {

constexpr const char* kManifestFormat = "${MANIFEST_FORMAT}";
constexpr uint32_t kMaxImageBytes = ${limits.MAX_IMAGE_BYTES};
constexpr uint32_t kMinImageBytes = ${limits.MIN_IMAGE_BYTES};
constexpr size_t kMaxNameChars = ${limits.MAX_NAME_CHARS};
constexpr size_t kMaxVersionChars = ${limits.MAX_VERSION_CHARS};
constexpr size_t kMaxLabelHints = ${limits.MAX_LABEL_HINTS};
constexpr size_t kMaxErrorBytes = ${limits.MAX_ERROR_BYTES};
constexpr size_t kMaxOfferBytes = ${limits.MAX_OFFER_BYTES};
constexpr uint32_t kMinPollIntervalS = ${limits.MIN_POLL_INTERVAL_S};
constexpr uint32_t kMaxPollIntervalS = ${limits.MAX_POLL_INTERVAL_S};
constexpr uint8_t kKnownBadFailures = ${limits.KNOWN_BAD_FAILURES};
constexpr uint32_t kMinTransferBytesPerS = ${limits.MIN_TRANSFER_BYTES_PER_S};
constexpr uint32_t kTransferGraceMs = ${limits.TRANSFER_GRACE_MS};
constexpr uint32_t kMaxSecurityVersionStep = ${limits.MAX_SECURITY_VERSION_STEP};

}  // namespace otter
`;
}
