// Certificates that Otter would never make itself: expired, weak, forgeable. For tests of what it refuses.

import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const FROM_MS = Date.parse('2026-01-01T00:00:00Z');
const TEN_YEARS_MS = 3_650 * 86_400_000;

type Options = {
  /** A curve, or the bits of an RSA key. */
  readonly key: 'P-256' | 'P-384' | 'P-521' | number;
  readonly hash?: 'SHA-1' | 'SHA-256' | 'SHA-512';
  readonly notAfterMs?: number;
  /** The keys of an earlier certificate, to renew it. */
  readonly keys?: webcrypto.CryptoKeyPair;
};

export async function issue(options: Options) {
  const hash = options.hash ?? 'SHA-256';
  const keys = options.keys ?? (await newKeys(options.key, hash));
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=test',
      keys,
      signingAlgorithm: { name: typeof options.key === 'number' ? 'RSASSA-PKCS1-v1_5' : 'ECDSA', hash },
      notBefore: new Date(FROM_MS),
      notAfter: new Date(options.notAfterMs ?? FROM_MS + TEN_YEARS_MS),
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    },
    webcrypto,
  );
  const keyPem = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { certPem: certificate.toString('pem'), keyPem, keys };
}

/** A certificate for localhost and the key of this PEM text, signed by an authority that nobody knows. */
export async function issueByAuthority(publicKeyPem: string): Promise<string> {
  const authority = await newKeys('P-256', 'SHA-256');
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: 'CN=localhost',
      issuer: 'CN=Test Authority',
      publicKey: await new x509.PublicKey(publicKeyPem).export(
        { name: 'ECDSA', namedCurve: 'P-256' },
        ['verify'],
        webcrypto,
      ),
      signingKey: authority.privateKey,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      notBefore: new Date(FROM_MS),
      notAfter: new Date(FROM_MS + TEN_YEARS_MS),
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
        ]),
      ],
    },
    webcrypto,
  );
  return certificate.toString('pem');
}

function newKeys(key: Options['key'], hash: string): Promise<webcrypto.CryptoKeyPair> {
  if (typeof key === 'string') {
    return webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: key }, true, ['sign', 'verify']);
  }
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash, modulusLength: key, publicExponent: new Uint8Array([1, 0, 1]) };
  return webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify']);
}
