// What a release key signs: nine lines that command line, server and board each rebuild from the fields of a manifest, never
// the JSON itself (docs/device-protocol.md). No value that the grammar lets in holds a line break, so no field can add a line.
// The Arduino client does the same in `client/src/core/offer/manifest.cpp`.

import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { MANIFEST_FORMAT, Manifest } from './manifest.ts';

/** Stands for "never". */
export const NO_EXPIRY = '-';

const UINT32 = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });

const { product, version, chip, size_bytes, sha256 } = Manifest.properties;

/** The fields that are signed. Other members of a manifest are for people, or are checked by what these say. */
const SignedFields = Type.Object({
  product,
  chip,
  version,
  security_version: UINT32,
  size_bytes,
  sha256,
  created_at: Type.String(),
  expires_at: Type.Optional(Type.String()),
});
export type SignedFields = Static<typeof SignedFields>;

/** Undefined where a field is not what the grammar allows: then there is nothing to sign, and no signature holds. */
export function canonicalTextOf(fields: SignedFields): string | undefined {
  if (!Value.Check(SignedFields, fields)) return undefined;
  const expiresAt = fields.expires_at ?? NO_EXPIRY;
  if (readSignedInstant(fields.created_at) === undefined) return undefined;
  if (expiresAt !== NO_EXPIRY && readSignedInstant(expiresAt) === undefined) return undefined;
  return [
    MANIFEST_FORMAT,
    `product=${fields.product}`,
    `chip=${fields.chip}`,
    `version=${fields.version}`,
    `security_version=${fields.security_version}`,
    `size_bytes=${fields.size_bytes}`,
    `sha256=${fields.sha256}`,
    `created_at=${fields.created_at}`,
    `expires_at=${expiresAt}`,
    '',
  ].join('\n');
}

/** `2026-11-23T10:00:00Z`: exactly 20 characters, UTC. Undefined for anything else, or its milliseconds since 1970. */
export function readSignedInstant(text: string): number | undefined {
  const found = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/.exec(text);
  if (found === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1).map(Number);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** To the second, as it is signed. */
export function toSignedInstant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
