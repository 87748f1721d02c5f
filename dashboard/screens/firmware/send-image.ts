// Sends an image as the raw body with its SHA-256, so that what arrives is what was chosen. `fetch` cannot tell how much was sent.

import { addressOf, parseJson, refusalOf, Unreachable } from '#dashboard/data/api.ts';
import type { UploadAnswer } from '#protocol/admin/firmware.ts';
import { BODY_PATIENCE_MS } from '#protocol/limits.ts';

export interface UploadNames {
  readonly product: string;
  readonly version: string;
  readonly notes: string;
  readonly ready: boolean;
}

/** Rejects with `Refusal` or `Unreachable`. */
export async function sendImage(
  file: File,
  { product, version, notes, ready }: UploadNames,
  onProgress: (sentBytes: number) => void,
): Promise<UploadAnswer> {
  const bytes = await file.arrayBuffer();
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  const sha256 = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const query = {
    ...(product.trim() === '' ? {} : { product: product.trim() }),
    ...(version.trim() === '' ? {} : { version: version.trim() }),
    ...(notes.trim() === '' ? {} : { notes: notes.trim() }),
    pilot_ready: ready ? 'true' : 'false',
    sha256,
  } as const;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', addressOf('uploadFirmware', { query }));
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.addEventListener('progress', ({ loaded }) => onProgress(loaded));
    request.timeout = BODY_PATIENCE_MS;
    for (const end of ['error', 'timeout'] as const)
      request.addEventListener(end, () => reject(new Unreachable(undefined)));
    request.addEventListener('load', () => {
      const value: unknown = parseJson(request.responseText);
      if (request.status === 200 || request.status === 201) resolve(value as UploadAnswer);
      else reject(refusalOf(request.status, value));
    });
    request.send(bytes);
  });
}
