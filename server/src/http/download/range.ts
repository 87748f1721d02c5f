// The Range header for one image (RFC 9110 section 14): one range, or the whole. Several ranges are refused: no board asks
// for them, and they would cost the server more than they carry.

import { OtterError } from '#protocol/errors.ts';

export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

/**
 * The range to send, or undefined for the whole image. A header of another unit or form is ignored, as the RFC wants.
 * Throws `range_invalid`, `range_multiple_unsupported` (416).
 */
export function readRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (header === undefined || !/^bytes\s*=/i.test(header)) return undefined;
  const specs = header.slice(header.indexOf('=') + 1).split(',');
  if (specs.length > 1)
    throw new OtterError('range_multiple_unsupported', `${specs.length} ranges were asked for`, 'ask for one range');
  const match = /^\s*(\d*)-(\d*)\s*$/.exec(specs[0] ?? '');
  const first = match?.[1] ?? '';
  const last = match?.[2] ?? '';
  if (match === null || (first === '' && last === '')) throw invalid(header, sizeBytes);
  if (first === '') {
    const length = Number(last);
    if (!(length > 0)) throw invalid(header, sizeBytes);
    return { start: Math.max(0, sizeBytes - length), end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (!(start <= end) || !(start < sizeBytes)) throw invalid(header, sizeBytes);
  return { start, end };
}

function invalid(header: string, sizeBytes: number): OtterError {
  return new OtterError(
    'range_invalid',
    `the range ${JSON.stringify(header.slice(0, 60))} is not within the ${sizeBytes} bytes of the image`,
    'ask for bytes=first-last',
  );
}
