// Release keys: ECDSA P-256 with SHA-256, signatures in DER as base64. The private half stays on the computer of an operator;
// server, simulator and boards hold public halves only. The Arduino client does the same in `client/src/net/signature.cpp`.

import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { KEY_ID_CHARS, MAX_SIGNATURE_BYTES } from '#protocol/words.ts';

/** A P-256 key in DER has one length: 27 bytes of head with the uncompressed mark, 64 of the point (RFC 5480). */
const SPKI_BYTES = 91;
const SPKI_HEAD = '3059301306072a8648ce3d020106082a8648ce3d03010703420004';

export interface ReleaseKey {
  readonly keyId: string;
  /** In the one spelling that Otter stores and prints. */
  readonly pem: string;
  readonly key: KeyObject;
}

/** Undefined for what is no P-256 public key in PEM: a private key and other curves too. */
export function readReleaseKey(pem: string): ReleaseKey | undefined {
  // Of a private key the crypto library would make a public one; it has no business here.
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) return undefined;
  try {
    return releaseKeyOf(createPublicKey({ key: pem, format: 'pem' }));
  } catch {
    return undefined;
  }
}

/** The public half of this key. Undefined where it is not P-256. */
export function releaseKeyOf(key: KeyObject): ReleaseKey | undefined {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  if (publicKey.asymmetricKeyType !== 'ec') return undefined;
  const der = publicKey.export({ format: 'der', type: 'spki' });
  if (der.length !== SPKI_BYTES || !der.toString('hex').startsWith(SPKI_HEAD)) return undefined;
  return {
    keyId: createHash('sha256').update(der).digest('hex').slice(0, KEY_ID_CHARS),
    pem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    key: publicKey,
  };
}

/** Whether this key made this signature of the text. Base64 has one spelling here; anything else is no signature. */
export function isSignedBy({ key }: Pick<ReleaseKey, 'key'>, text: string, signature: string): boolean {
  const der = Buffer.from(signature, 'base64');
  if (der.length > MAX_SIGNATURE_BYTES || der.toString('base64') !== signature) return false;
  try {
    return verify('sha256', Buffer.from(text), key, der);
  } catch {
    return false;
  }
}

/** Randomised: the same text is signed differently each time. */
export function signText(privateKey: KeyObject, text: string): string {
  return sign('sha256', Buffer.from(text), privateKey).toString('base64');
}
