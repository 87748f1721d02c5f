// The spelling of names on the wire: one pattern and one schema per word of the glossary. A value that passes here is
// safe in a path, a log line and a terminal; nothing downstream escapes it again.

import { Type } from 'typebox';
import { MAX_NAME_CHARS, MAX_VERSION_CHARS } from './limits.ts';

/** Canonical MAC: six pairs of lower-case hex digits with colons. */
export const MAC_PATTERN = '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$';

/** Product, label, channel, rollout and schedule names: a lower-case letter or digit, then letters, digits, dot, dash, underscore. */
export const NAME_PATTERN = `^[a-z0-9][a-z0-9._-]{0,${MAX_NAME_CHARS - 1}}$`;

/** The name of a label: a name, or a key and a value, such as `site=berlin`. The label rule of a board (`label-rule.ts`) knows plain names only. */
export const LABEL_PATTERN = `^[a-z0-9][a-z0-9._-]{0,${MAX_NAME_CHARS - 1}}(=[a-z0-9][a-z0-9._-]{0,${MAX_NAME_CHARS - 1}})?$`;

/** Rollout names hold a version and the name of the plan: longer, and with the plus sign of build metadata. */
export const ROLLOUT_NAME_PATTERN = '^[a-z0-9][A-Za-z0-9.+_-]{0,109}$';

/** SemVer 2.0.0, https://semver.org (the pattern its FAQ recommends), with numbers of at most 15 digits: more cannot be ordered. */
export const SEMVER_PATTERN =
  '^(0|[1-9]\\d{0,14})\\.(0|[1-9]\\d{0,14})\\.(0|[1-9]\\d{0,14})(?:-((?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\\+([0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*))?$';

/** What a device may report as its version: printable text such as build systems write, names of branches too, and nothing of HTML or a shell's quotes. */
export const REPORTED_VERSION_PATTERN = '^[0-9A-Za-z][0-9A-Za-z.+_ /:~@#(),=-]*$';

const SHA256_PATTERN = '^[0-9a-f]{64}$';
const CHIP_PATTERN = '^esp32[a-z0-9]{0,4}$';
/** Under which name an image lies beside those of other chips: its chip, and for a second one of it `-r` and its lowest chip revision. */
export const IMAGE_FOLDER_PATTERN = '^esp32[a-z0-9]{0,4}(?:-r(?:0|[1-9][0-9]{0,4}))?$';
export const DEFAULT_PRODUCT = 'default';
export const DEFAULT_CHANNEL = 'stable';
export const DEFAULT_PILOT_LABEL = 'pilot';

/** The label that means every device. It is never added to a device. */
export const GENERAL_LABEL = 'general';

export const Mac = Type.String({
  pattern: MAC_PATTERN,
  description: 'MAC address, lower case with colons',
  examples: ['24:6f:28:aa:bb:cc'],
});
export const Name = Type.String({
  pattern: NAME_PATTERN,
  description: 'lower-case letters, digits, dot, dash, underscore; at most 32',
});
export const LabelName = Type.String({
  pattern: LABEL_PATTERN,
  description:
    'a name (lower-case letters, digits, dot, dash, underscore; at most 32), or a key and a value such as site=berlin',
  examples: ['pilot', 'site=berlin'],
});
export const RolloutName = Type.String({ pattern: ROLLOUT_NAME_PATTERN });
export const Version = Type.String({
  pattern: SEMVER_PATTERN,
  maxLength: MAX_VERSION_CHARS,
  description: 'SemVer 2.0.0',
  examples: ['1.4.0'],
});
export const Chip = Type.String({ pattern: CHIP_PATTERN, examples: ['esp32s3'] });
export const ImageFolder = Type.String({ pattern: IMAGE_FOLDER_PATTERN, examples: ['esp32s3', 'esp32-r300'] });
export const Sha256 = Type.String({ pattern: SHA256_PATTERN, description: 'lower-case hex' });

/** Hex digits of a key id. */
export const KEY_ID_CHARS = 16;
export const KEY_ID_PATTERN = `^[0-9a-f]{${KEY_ID_CHARS}}$`;
export const KeyId = Type.String({
  pattern: KEY_ID_PATTERN,
  description: 'the first 16 hex digits of the SHA-256 of the public key (SubjectPublicKeyInfo in DER)',
  examples: ['2f9899b0cb350685'],
});

/** Longest signature in DER: two numbers of 33 bytes, each with tag and length, and tag and length around them. In base64 96 characters. */
export const MAX_SIGNATURE_BYTES = 72;
export const MAX_SIGNATURE_CHARS = 96;

/** ISO 8601 in UTC with milliseconds. */
export const Instant = Type.String({ format: 'date-time', examples: ['2026-11-23T10:00:00.000Z'] });

/** What simulated boards say as `library`, and how their MACs begin (locally administered, so that no real board has one). */
export const SIMULATOR_LIBRARY = 'otter-simulator';
export const SIMULATED_MACS = '02:07:';
