// The signed manifest that travels beside an uploaded image, as JSON in the query: the body is the image itself.

import { Value } from 'typebox/value';
import { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { OtterError } from '#protocol/errors.ts';
import { parseStrictJson } from '#server/http/request/strict-json.ts';

/** Throws `signature_invalid`. */
export function readSigned(text: string | undefined): SignedManifest | undefined {
  if (text === undefined) return undefined;
  const value = parse(text);
  if (Value.Check(SignedManifest, value)) return value;
  throw malformed();
}

function parse(text: string): unknown {
  try {
    return parseStrictJson(Buffer.from(text));
  } catch (error) {
    if (error instanceof OtterError) throw malformed();
    throw error;
  }
}

function malformed(): OtterError {
  return new OtterError(
    'signature_invalid',
    'signed is no signed manifest: the JSON of the signature file beside the image',
    'sign the build again: otter firmware sign FILE',
  );
}
