// Finds the firmware marker in an image. Magic bytes with anything wrong behind them are refused, never skipped: see
// "Why a bad marker is refused" in docs/firmware-marker.md.

import { crc32 } from 'node:zlib';
import { OtterError } from '#protocol/errors.ts';
import {
  type FirmwareMarker,
  MARKER_BYTES,
  MARKER_FORMAT,
  MARKER_MAGIC,
  MARKER_OFFSETS,
  MARKER_TEXT_BYTES,
  markerFault,
} from '#protocol/device/firmware-marker.ts';
import { hex } from './hex.ts';
import type { Segment } from './image-layout.ts';
import { readTextField } from './text-field.ts';

const ALIGNMENT = 4;

/**
 * The marker in the segments' data; undefined when there is none. The same marker may be there several times (one per
 * translation unit). Throws `marker_invalid` for a broken marker and for two that differ.
 */
export function findMarker(file: Buffer, segments: readonly Segment[]): FirmwareMarker | undefined {
  let found: FirmwareMarker | undefined;
  for (const segment of segments) {
    const data = file.subarray(segment.offset, segment.offset + segment.sizeBytes);
    for (const at of magicOffsets(data)) {
      const marker = decodeMarker(data.subarray(at), segment.offset + at);
      if (found !== undefined && (found.product !== marker.product || found.version !== marker.version)) {
        throw new OtterError(
          'marker_invalid',
          `The image says that it is ${spell(found)}, and at offset ${hex(segment.offset + at)} that it is ${spell(marker)}.`,
          'Keep one OTTER_FIRMWARE(...) line in the sketch, clean the build folder and build again.',
        );
      }
      found = marker;
    }
  }
  return found;
}

/** Segments begin at multiples of 4 in the file, so alignment in the segment is alignment in the file. */
function* magicOffsets(data: Buffer): Generator<number> {
  for (let at = data.indexOf(MARKER_MAGIC); at !== -1; at = data.indexOf(MARKER_MAGIC, at + 1)) {
    if (at % ALIGNMENT === 0) yield at;
  }
}

function decodeMarker(bytes: Buffer, offset: number): FirmwareMarker {
  if (bytes.length < MARKER_BYTES)
    throw brokenMarker(offset, `only ${bytes.length} of ${MARKER_BYTES} bytes are there`);
  const format = bytes.readUInt8(MARKER_OFFSETS.format);
  if (format !== MARKER_FORMAT) {
    throw new OtterError(
      'marker_invalid',
      `The firmware marker at offset ${hex(offset)} has format ${format}; this server reads format ${MARKER_FORMAT}.`,
      'The image was built with a newer OtterOTA library: update the server.',
    );
  }
  const stored = bytes.readUInt32LE(MARKER_OFFSETS.crc32);
  const computed = crc32(bytes.subarray(0, MARKER_OFFSETS.crc32));
  if (stored !== computed)
    throw brokenMarker(offset, `its CRC is ${hex(stored)}, that of its bytes is ${hex(computed)}`);
  const reserved = bytes.subarray(MARKER_OFFSETS.reserved, MARKER_OFFSETS.product);
  if (reserved.some((byte) => byte !== 0))
    throw brokenMarker(offset, `its reserved bytes are ${reserved.toString('hex')}`);
  const marker = {
    product: paddedText(bytes, 'product', offset),
    version: paddedText(bytes, 'version', offset),
  };
  const fault = markerFault(marker);
  if (fault !== undefined) throw brokenMarker(offset, fault);
  return marker;
}

function paddedText(bytes: Buffer, name: 'product' | 'version', offset: number): string {
  const at = MARKER_OFFSETS[name];
  const field = bytes.subarray(at, at + MARKER_TEXT_BYTES);
  const text = readTextField(field);
  if (text === undefined || field.subarray(text.length).some((byte) => byte !== 0)) {
    throw brokenMarker(offset, `its ${name} is not text padded with NULs: ${field.toString('hex')}`);
  }
  return text;
}

function brokenMarker(offset: number, fault: string): OtterError {
  return new OtterError(
    'marker_invalid',
    `The firmware marker at offset ${hex(offset)} is broken: ${fault}.`,
    'Make the marker with OTTER_FIRMWARE("product", "1.4.0"), not by hand and not by changing the .bin, and build again.',
  );
}

function spell(marker: FirmwareMarker): string {
  return `${marker.product} ${marker.version}`;
}
