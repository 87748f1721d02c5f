// The signature file beside an image: the signed fields of its manifest and the signatures, as JSON. It is made on a computer
// that needs no network and goes to the server with the image.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Value } from 'typebox/value';
import { CommandError } from '#cli/exit-code.ts';
import { writePrivateFile } from '#cli/connection/private-file.ts';
import { SignedManifest } from '#protocol/device/signed-manifest.ts';

const MAX_SIGNATURE_FILE_BYTES = 16_384;

export function signatureFileOf(image: string): string {
  return `${image}.otter-signature.json`;
}

/** Of exactly these bytes. Undefined: there is no file. Errors: `file_invalid`. */
export async function findSignatureFile(image: string, bytes: Buffer): Promise<SignedManifest | undefined> {
  const file = signatureFileOf(image);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw invalid(file, error instanceof Error ? error.message : String(error));
  });
  if (text === undefined) return undefined;
  if (text.length > MAX_SIGNATURE_FILE_BYTES) throw invalid(file, `it has ${text.length} bytes`);
  const signed = parse(file, text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (signed.sha256 === sha256) return signed;
  throw CommandError.own(
    'signature_of_other_image',
    `${file} signs other bytes: SHA-256 ${signed.sha256}, the image has ${sha256}`,
    `sign this build: otter firmware sign ${image} --key release.key.age, or remove ${file}`,
  );
}

export async function writeSignatureFile(image: string, signed: SignedManifest): Promise<string> {
  const file = signatureFileOf(image);
  await writePrivateFile(file, `${JSON.stringify(signed, undefined, 2)}\n`);
  return file;
}

function parse(file: string, text: string): SignedManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(file, error instanceof Error ? error.message : String(error));
  }
  if (Value.Check(SignedManifest, value)) return value;
  const [fault] = Value.Errors(SignedManifest, value);
  throw invalid(file, `${fault?.instancePath ?? ''} ${fault?.message ?? 'is malformed'}`.trim());
}

function invalid(file: string, why: string): CommandError {
  return CommandError.own(
    'file_invalid',
    `${file} is no signature file: ${why}`,
    'sign the build again, or remove the file',
  );
}
