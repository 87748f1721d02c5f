// Makes the certificate that a new server starts with: P-256, self-signed, for the names and addresses of this machine.
// It is an end-entity certificate (CA:FALSE): a client that trusts it trusts this one server and nothing it could issue.
// Writes no file. Follows RFC 5280; the members are those that OpenSSL, mbedTLS and Go accept as their own anchor.

import 'reflect-metadata';
import { createPrivateKey, createPublicKey, KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import * as x509 from '@peculiar/x509';
import { OtterError } from '#protocol/errors.ts';

const DAY_MS = 86_400_000;
/** Dates begin a day early, for clients whose clock is behind. */
const BACKDATED_MS = DAY_MS;
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

export const DEFAULT_VALID_YEARS = 20;

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };

/**
 * A certificate and its private key (PKCS #8), both PEM.
 * `hosts`: DNS names and addresses for subjectAltName; at least one. `validYears`: counted from `nowMs`. `keyPem`: the key that it is
 * for, an ECDSA one on P-256; a new one if not said. Throws `start_refused` for a key of another kind.
 */
export async function createSelfSigned(options: {
  readonly hosts: readonly string[];
  readonly nowMs: number;
  readonly validYears: number;
  readonly keyPem?: string;
}): Promise<{ readonly certPem: string; readonly keyPem: string }> {
  const keys = await (options.keyPem === undefined
    ? webcrypto.subtle.generateKey(P256, true, ['sign', 'verify'])
    : readKeys(options.keyPem));
  const notAfter = new Date(options.nowMs);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + options.validYears);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomSerial(),
      name: [{ CN: ['otter'] }],
      notBefore: new Date(options.nowMs - BACKDATED_MS),
      notAfter,
      keys,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          options.hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host })),
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  const keyPem = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { certPem: `${certificate.toString('pem')}\n`, keyPem };
}

async function readKeys(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(keyPem);
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new OtterError(
      'start_refused',
      'the key of this certificate is not one of Otter (ECDSA on P-256)',
      'renew the certificate with the tool that made it, and keep the key',
    );
  const publicKey = createPublicKey(key);
  const [privateDer, publicDer] = [
    key.export({ type: 'pkcs8', format: 'der' }),
    publicKey.export({ type: 'spki', format: 'der' }),
  ];
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', privateDer, P256, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', publicDer, P256, true, ['verify']),
  };
}

/** Names and addresses under which this machine is reached: localhost, its host name (also `.local`), its interfaces. */
export function localHosts(): readonly string[] {
  const name = hostname();
  const names = name.includes('.') ? [name] : [name, `${name}.local`];
  const addresses = Object.values(networkInterfaces())
    .flatMap((addressesOfOne) => addressesOfOne ?? [])
    .filter(({ address, internal }) => !internal && !address.startsWith('fe80:')) // link-local needs a zone, SAN has none
    .map(({ address }) => address);
  const hosts = ['localhost', '127.0.0.1', '::1', ...names.filter((host) => DNS_NAME.test(host)), ...addresses];
  return [...new Set(hosts)];
}

/** RFC 5280, 4.1.2.2: positive, at most 20 octets. The first byte keeps the sign bit clear and is never zero. */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString('hex');
}
