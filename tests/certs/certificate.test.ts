import 'reflect-metadata';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import * as peculiar from '@peculiar/x509';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readCertificate } from '#server/certs/certificate.ts';
import { createSelfSigned, localHosts } from '#server/certs/self-signed.ts';
import { issue } from './issue.ts';

const NOW_MS = Date.now();
const HOSTS = ['localhost', '127.0.0.1', '::1', 'otter.local', 'fd00::2', '192.0.2.7'];
const options = { hosts: HOSTS, nowMs: NOW_MS, validYears: 20 };

/** A real TLS server with the pair; answers its port. */
async function serve(pair: { readonly certPem: string; readonly keyPem: string }): Promise<number> {
  const server = createServer({ cert: pair.certPem, key: pair.keyPem }, (socket) => socket.end('hello'));
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

async function handshake(port: number, ca: string, servername: string): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca, ...(isIP(servername) === 0 ? { servername } : {}) });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

describe('a self-signed certificate', () => {
  test('is trusted by a TLS client that has it as its only authority, by name and by address', async () => {
    const pair = await createSelfSigned(options);
    const port = await serve(pair);
    for (const name of ['localhost', 'otter.local', '127.0.0.1']) {
      const socket = await handshake(port, pair.certPem, name);
      expect(socket.authorized).toBe(true);
      const peer = socket.getPeerX509Certificate();
      const spki = peer?.publicKey.export({ type: 'spki', format: 'der' }) ?? '';
      expect(createHash('sha256').update(spki).digest('hex')).toBe(readCertificate(pair.certPem).spkiPin);
    }
  });

  test('is refused by a client that trusts another one, or asks for another name', async () => {
    const pair = await createSelfSigned(options);
    const other = await createSelfSigned(options);
    const port = await serve(pair);
    await expect(handshake(port, other.certPem, 'localhost')).rejects.toMatchObject({
      code: expect.stringMatching(/SELF_SIGNED|SIGNATURE|ISSUER/),
    });
    await expect(handshake(port, pair.certPem, 'elsewhere.local')).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  test('is an end-entity certificate with a valid signature, for twenty years and all its hosts', async () => {
    const { certPem, keyPem } = await createSelfSigned(options);
    const x509 = new X509Certificate(certPem);
    expect(x509.ca).toBe(false);
    const parsed = new peculiar.X509Certificate(certPem);
    expect(parsed.getExtension(peculiar.BasicConstraintsExtension)).toMatchObject({ ca: false, critical: true });
    expect(x509.verify(x509.publicKey)).toBe(true);
    expect(x509.publicKey.equals(createPublicKey(keyPem))).toBe(true);
    expect(
      HOSTS.filter((host) => (isIP(host) === 0 ? x509.checkHost(host) : x509.checkIP(host)) === undefined),
    ).toEqual([]);
    const read = readCertificate(certPem);
    expect(read).toMatchObject({ hosts: HOSTS, keyKind: 'EC P-256', weakness: undefined });
    expect(read.notBeforeMs).toBeLessThan(NOW_MS);
    expect(new Date(read.notAfterMs).getUTCFullYear()).toBe(new Date(NOW_MS).getUTCFullYear() + 20);
    expect(keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----\n$/);
  });

  test('has a positive random serial number of 16 bytes', async () => {
    const pairs = await Promise.all(Array.from({ length: 20 }, () => createSelfSigned(options)));
    const serials = pairs.map(({ certPem }) => new X509Certificate(certPem).serialNumber);
    expect(new Set(serials).size).toBe(20);
    expect(serials.filter((serial) => !/^[4-7][0-9A-F]{31}$/.test(serial))).toEqual([]);
  });
});

test('the hosts of this machine begin with localhost, hold its name, and each stands once', () => {
  const hosts = localHosts();
  expect(hosts.slice(0, 3)).toEqual(['localhost', '127.0.0.1', '::1']);
  expect(new Set(hosts).size).toBe(hosts.length);
  const names = [hostname(), `${hostname()}.local`].filter((name) => /^[a-z0-9-]+(\.local)?$/.test(name));
  expect(hosts).toEqual(expect.arrayContaining(names));
});

describe('reading a certificate', () => {
  // Made with `openssl req -x509`; the values are what `openssl x509 -fingerprint -sha256` and
  // `openssl x509 -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256` print.
  const PEM = `-----BEGIN CERTIFICATE-----
MIIBoTCCAUegAwIBAgIUJIw1jWS6gSyKH9XhDLADVmffFzowCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFb3R0ZXIwHhcNMjYxMTIzMTEwOTQ4WhcNNDYxMTE4MTEwOTQ4
WjAQMQ4wDAYDVQQDDAVvdHRlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABG7E
JpMmdfFPggkTalM0uL/cyD83AuOL7itYleYoBBCdNw34os74b3dVEjcOrG2hLSNb
2B4+FUl83IHBoObcxiujfzB9MB0GA1UdDgQWBBQ5hfF57GSpJVXLHIoRC9BPcHZP
EzAfBgNVHSMEGDAWgBQ5hfF57GSpJVXLHIoRC9BPcHZPEzAPBgNVHRMBAf8EBTAD
AQH/MCoGA1UdEQQjMCGCDW90dGVyLmV4YW1wbGWHEAAAAAAAAAAAAAAAAAAAAAEw
CgYIKoZIzj0EAwIDSAAwRQIhAI2jPNs+oXuxgcne7PnK5VsS9iGkiyvB9H5UIwm/
z1H6AiBGb6vlMtjvO12wiaTIk/FQbSp+dKgGEXuSa2dG/F47HA==
-----END CERTIFICATE-----
`;

  test('the fingerprint and the pin are those that openssl prints', () => {
    expect(readCertificate(PEM)).toMatchObject({
      fingerprint256: '43:B9:64:C5:B3:A7:B8:4B:CB:A9:BD:72:7B:C1:51:C1:8A:E4:13:6A:12:85:A0:45:AF:11:AF:C0:FA:E6:FF:C7',
      spkiPin: '85324b0b4c8558fa65f1c5c9cdd6a4f79e834a93cb07de30a03ebc3c7dcaaa36',
      spkiPinBase64: 'sha256//hTJLC0yFWPpl8cXJzdak956DSpPLB94woD68PH3KqjY=',
      hosts: ['otter.example', '::1'],
      keyKind: 'EC P-256',
    });
  });

  test('a renewed certificate with the same key keeps its pin and changes its fingerprint', async () => {
    const first = await issue({ key: 'P-384' });
    const renewed = await issue({ key: 'P-384', keys: first.keys, notAfterMs: NOW_MS + 86_400_000 });
    const other = await issue({ key: 'P-384' });
    const [before, after, foreign] = [first, renewed, other].map(({ certPem }) => readCertificate(certPem));
    expect(after?.spkiPin).toBe(before?.spkiPin);
    expect(after?.fingerprint256).not.toBe(before?.fingerprint256);
    expect(foreign?.spkiPin).not.toBe(before?.spkiPin);
  });

  test.each([
    { key: 'P-256', hash: 'SHA-256', keyKind: 'EC P-256', weakness: undefined },
    { key: 'P-384', hash: 'SHA-512', keyKind: 'EC P-384', weakness: undefined },
    { key: 2_048, hash: 'SHA-256', keyKind: 'RSA 2048', weakness: undefined },
    { key: 'P-521', hash: 'SHA-256', keyKind: 'EC secp521r1', weakness: 'has a key of the kind EC secp521r1' },
    { key: 1_024, hash: 'SHA-256', keyKind: 'RSA 1024', weakness: 'has a key of the kind RSA 1024' },
    { key: 'P-256', hash: 'SHA-1', keyKind: 'EC P-256', weakness: 'is signed with SHA-1' },
    { key: 2_048, hash: 'SHA-1', keyKind: 'RSA 2048', weakness: 'is signed with SHA-1' },
  ] as const)('$keyKind with $hash: $weakness', async ({ key, hash, keyKind, weakness }) => {
    expect(readCertificate((await issue({ key, hash })).certPem)).toMatchObject({ keyKind, weakness });
  });

  test.each(['', 'hello', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])('%j is none', (pem) => {
    expect(() => readCertificate(pem)).toThrow(/there is no certificate in PEM form/);
  });
});
