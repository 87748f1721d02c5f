// Encrypts a backup with a passphrase, and opens it again, in the age format (age-encryption.org/v1): `age -d` opens it too.

import { Decrypter, Encrypter } from 'age-encryption';
import { OtterError } from '#protocol/errors.ts';

/** How every file in the age format begins. */
export const SEALED_BEGINNING = 'age-encryption.org/v1';

/** Of age itself: each guess at the passphrase costs a second. */
const SCRYPT_LOG_N = 18;

export async function sealed(
  plain: AsyncIterable<Uint8Array>,
  passphrase: string,
  { scryptLogN = SCRYPT_LOG_N }: { readonly scryptLogN?: number | undefined } = {},
): Promise<AsyncIterable<Uint8Array>> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(scryptLogN);
  encrypter.setPassphrase(passphrase);
  return encrypter.encrypt(ReadableStream.from(plain));
}

/** Opens the file that it was made for, as often as it is wanted: to find it out of a passphrase takes a second. */
export type FileKey = Uint8Array;

/** More than the header of a file that has one passphrase. */
export const HEADER_BYTES = 4_096;

/** `beginning`: the first `HEADER_BYTES` of the file. Throws `passphrase_wrong`. */
export async function fileKeyOf(beginning: Buffer, passphrase: string): Promise<FileKey> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    // The last line of a header begins with three dashes.
    const lastLine = beginning.indexOf('\n---');
    return await decrypter.decryptHeader(beginning.subarray(0, beginning.indexOf('\n', lastLine + 1) + 1));
  } catch (cause) {
    throw new OtterError(
      'passphrase_wrong',
      'the passphrase does not open this backup, or its beginning is damaged',
      'try the passphrase with which it was made',
      { cause },
    );
  }
}

/** Throws `damaged` where bytes were changed or are missing. */
export async function* opened(
  cipher: AsyncIterable<Uint8Array>,
  key: FileKey,
  damaged: (why: string) => OtterError,
): AsyncGenerator<Uint8Array> {
  const decrypter = new Decrypter();
  decrypter.addIdentity({ unwrapFileKey: () => key });
  try {
    yield* await decrypter.decrypt(ReadableStream.from(cipher));
  } catch (error) {
    if (error instanceof OtterError || (error instanceof Error && error.name === 'AbortError')) throw error;
    throw damaged(error instanceof Error ? error.message : String(error));
  }
}
