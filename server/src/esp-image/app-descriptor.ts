// The app descriptor (`esp_app_desc_t`): what the build system wrote about the program. Arduino builds carry the texts of
// the prebuilt SDK here, not those of the sketch, so nothing decides by them. Source: ESP-IDF `esp_app_desc.h`.

import { OtterError } from '#protocol/errors.ts';
import { hex } from './hex.ts';
import type { Segment } from './image-layout.ts';
import { readTextField } from './text-field.ts';

export type AppDescriptor = {
  readonly version: string;
  readonly projectName: string;
  readonly idfVersion: string;
  readonly secureVersion: number;
  /** SHA-256 of the ELF file, 64 lower-case hex digits: what the running image reports of itself. */
  readonly elfSha256: string | undefined;
  /** Date and time as the compiler printed them, in no known time zone; empty in reproducible builds. */
  readonly compiledAt: string;
};

export const DESCRIPTOR_MAGIC = 0xabcd5432;
const DESCRIPTOR_BYTES = 256;

/** Whether the first segment begins with a descriptor. Programs built before ESP-IDF 3.3 have none. */
export function hasAppDescriptor(file: Buffer, segments: readonly Segment[]): boolean {
  const first = segments[0];
  return first !== undefined && first.sizeBytes >= 4 && file.readUInt32LE(first.offset) === DESCRIPTOR_MAGIC;
}

/**
 * The descriptor at the start of the first segment; undefined when there is none. Throws `descriptor_invalid` when the
 * segment ends inside it or a text is not printable and NUL-ended.
 */
export function readAppDescriptor(file: Buffer, segments: readonly Segment[]): AppDescriptor | undefined {
  const first = segments[0];
  if (first === undefined || !hasAppDescriptor(file, segments)) return undefined;
  if (first.sizeBytes < DESCRIPTOR_BYTES) {
    throw descriptorInvalid(
      `The first segment has ${first.sizeBytes} bytes; its app descriptor needs ${DESCRIPTOR_BYTES}.`,
    );
  }
  const text = (name: string, at: number, bytes: number): string => requireText(file, name, first.offset + at, bytes);
  const elfSha256 = file.toString('hex', first.offset + 144, first.offset + 176);
  return {
    secureVersion: file.readUInt32LE(first.offset + 4),
    version: text('version', 16, 32),
    projectName: text('project name', 48, 32),
    compiledAt: `${text('date', 96, 16)} ${text('time', 80, 16)}`.trim(),
    idfVersion: text('IDF version', 112, 32),
    elfSha256: /^0+$/.test(elfSha256) ? undefined : elfSha256,
  };
}

function requireText(file: Buffer, name: string, at: number, bytes: number): string {
  const field = file.subarray(at, at + bytes);
  const text = readTextField(field);
  if (text !== undefined) return text;
  throw descriptorInvalid(
    `The ${name} of the app descriptor at offset ${hex(at)} is not printable text closed by a NUL: ${field.toString('hex')}.`,
  );
}

function descriptorInvalid(message: string): OtterError {
  return new OtterError(
    'descriptor_invalid',
    message,
    'Set the version and project name of the build to printable ASCII of at most 31 characters, build again and upload the new .bin.',
  );
}
