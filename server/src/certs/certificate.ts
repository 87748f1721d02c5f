// Reads a TLS certificate and names what people compare: fingerprint, pin, dates, hosts. It never decides whether a peer
// is trusted; a client does that with the pin, inside the handshake. Follows RFC 5280 and, for the pin, RFC 7469, 2.4.

import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { OtterError } from '#protocol/errors.ts';

export type Certificate = {
  /** SHA-256 over the whole certificate, `AB:CD:...` as `openssl x509 -fingerprint -sha256` prints it. Changes at renewal. */
  readonly fingerprint256: string;
  /**
   * The pin: SHA-256 over the DER SubjectPublicKeyInfo, 64 lower-case hex digits. It stays as long as the key stays, so a
   * renewed certificate keeps it. Clients and the command line take this form.
   */
  readonly spkiPin: string;
  /** The same 32 bytes for other tools: `sha256//BASE64`, the form of `curl --pinnedpubkey`. */
  readonly spkiPinBase64: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Names and addresses of the subjectAltName extension; IPv6 in short form. */
  readonly hosts: readonly string[];
  /** `EC P-256`, `EC P-384`, `RSA 2048`, ... */
  readonly keyKind: string;
  /** Who signed it, where that was somebody else; undefined: it is self-signed. */
  readonly issuer: string | undefined;
  /** Why it must not be used by a server, or undefined. */
  readonly weakness: string | undefined;
};

const CURVES: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'EC P-256'],
  ['secp384r1', 'EC P-384'],
]);
const MIN_RSA_BITS = 2_048;

/** Object identifiers of signatures that can be forged (RFC 8017 A.2.4, RFC 5758, RFC 3279), as DER content in hex. */
const FORGEABLE: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d010104', 'MD5'],
  ['2a864886f70d010105', 'SHA-1'],
  ['2b0e03021d', 'SHA-1'],
  ['2a8648ce3d0401', 'SHA-1'],
]);

/**
 * The first certificate of a PEM text.
 * @throws OtterError `config_invalid` where there is none.
 */
export function readCertificate(pem: string): Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (cause) {
    const hint = 'it must begin with -----BEGIN CERTIFICATE-----';
    throw new OtterError('config_invalid', 'there is no certificate in PEM form', hint, { cause });
  }
  const { publicKey } = certificate;
  const digest = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
  return {
    fingerprint256: certificate.fingerprint256,
    spkiPin: digest.toString('hex'),
    spkiPinBase64: `sha256//${digest.toString('base64')}`,
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    hosts: listHosts(certificate.subjectAltName ?? ''),
    keyKind: nameKey(publicKey),
    issuer: certificate.verify(publicKey) ? undefined : certificate.issuer.replaceAll('\n', ', '),
    weakness: findKeyWeakness(publicKey) ?? findSignatureWeakness(certificate.raw),
  };
}

function nameKey(key: KeyObject): string {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') return CURVES.get(details.namedCurve ?? '') ?? `EC ${details.namedCurve ?? '?'}`;
  const kind = (key.asymmetricKeyType ?? 'unknown').toUpperCase();
  return details.modulusLength === undefined ? kind : `${kind} ${details.modulusLength}`;
}

function findKeyWeakness(key: KeyObject): string | undefined {
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const isStrong =
    key.asymmetricKeyType === 'ec'
      ? CURVES.has(namedCurve)
      : key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS;
  return isStrong ? undefined : `has a key of the kind ${nameKey(key)}`;
}

function findSignatureWeakness(der: Buffer): string | undefined {
  const digest = FORGEABLE.get(readSignatureOid(der));
  return digest === undefined ? undefined : `is signed with ${digest}`;
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER, ... }, ... } */
function readSignatureOid(der: Buffer): string {
  const certificate = readHeader(der, 0);
  const signed = readHeader(der, certificate.start);
  const algorithm = readHeader(der, signed.end);
  const identifier = readHeader(der, algorithm.start);
  return der.toString('hex', identifier.start, identifier.end);
}

/** Content of the DER element at `offset` (X.690, 8.1.3). OpenSSL has parsed these bytes before, so they are in bounds. */
function readHeader(der: Buffer, offset: number): { readonly start: number; readonly end: number } {
  const first = der.readUInt8(offset + 1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length = lengthBytes === 0 ? first : der.readUIntBE(offset + 2, lengthBytes);
  const start = offset + 2 + lengthBytes;
  return { start, end: start + length };
}

/** OpenSSL's text: `DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1`. */
function listHosts(subjectAltName: string): readonly string[] {
  return subjectAltName.split(', ').flatMap((entry) => {
    const [, kind, host] = /^(DNS|IP Address):(.+)$/.exec(entry) ?? [];
    if (host === undefined) return [];
    return kind === 'DNS' || !host.includes(':') ? [host] : [new URL(`http://[${host}]`).hostname.slice(1, -1)];
  });
}
