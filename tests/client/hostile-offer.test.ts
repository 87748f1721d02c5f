// The rows of surface "Client meeting a hostile or broken server" of tests/data/bad-inputs.tsv that are about what is offered: manifest, signature
// and image, before the real library on boards of `otter-device`.

import { createSign, generateKeyPairSync, hash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Offer } from '#protocol/device/api.ts';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import { Bench } from './support/bench.ts';
import { type Fault, headOf } from './support/fault-proxy.ts';
import {
  changesImage,
  endless,
  IMAGE_BYTES,
  offers,
  onCheck,
  onImage,
  type Ordeal,
  Ordeals,
  says,
  trustedKey,
  UNNOTICED_BYTES,
} from './support/ordeal.ts';
// Boards wait for much, so more of them than usual at once.
vi.setConfig({ maxConcurrency: 6 });

const releaseKey = { privateKey: trustedKey.privateKey, publicKey: trustedKey.releaseKey.key };
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
let ordeals: Ordeals;
let folder: string;
beforeAll(async () => {
  ordeals = await Ordeals.start();
  folder = await mkdtemp(join(tmpdir(), 'otter-keys-'));
  await writeFile(join(folder, 'release.pem'), releaseKey.publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(async () => {
  await ordeals.end();
  await rm(folder, { recursive: true });
});

describe.concurrent('the offer', () => {
  test('G26 an offer of 1 MB is too large', async ({ onTestFinished }) => {
    const notes = endless(headOf(200, { 'content-length': '1048576' }), ' '.repeat(1024), 1024);
    await ordeals.endureAll(onTestFinished, {
      'that is read as it comes': { ...onCheck(notes.fault), error: 'too_large', ends: 'asks again' },
      'that would be valid': {
        ...onCheck(offers((manifest) => ({ ...manifest, release_notes: 'a'.repeat(1_048_576) }))),
        error: 'too_large',
        ends: 'asks again',
      },
    });
    expect(notes.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('G27 an offer that is cut short is no JSON', async ({ onTestFinished }) => {
    const cutBy = (bytes: number): Ordeal => ({
      ...onCheck(says((text) => text.slice(0, -bytes))),
      error: 'json',
      ends: 'asks again',
    });
    await ordeals.endureAll(onTestFinished, { 'by a byte': cutBy(1), 'by a hundred bytes': cutBy(100) });
  });

  test('G29 trailing garbage, a NUL, or an end inside a string are no JSON', async ({ onTestFinished }) => {
    const ordeal = (change: (text: string) => string): Ordeal => ({
      ...onCheck(says(change)),
      error: 'json',
      ends: 'asks again',
    });
    await ordeals.endureAll(onTestFinished, {
      'trailing garbage': ordeal((text) => `${text}}`),
      'another answer behind it': ordeal((text) => `${text}${text}`),
      'a NUL behind it': ordeal((text) => `${text}\0`),
      'a NUL in a text': ordeal((text) => text.replace('"esp32"', '"esp32\0"')),
      'an end inside a string': ordeal((text) => text.slice(0, text.indexOf('otter-manifest') + 5)),
      'HTML of a captive portal': ordeal(() => '<!DOCTYPE html><html><body>Please log in</body></html>'),
      nothing: ordeal(() => ''),
    });
  });

  test('G30 members that are doubled or of the wrong type are refused', async ({ onTestFinished }) => {
    const wrong = (change: (manifest: Offer['manifest']) => object): Ordeal => ({
      ...onCheck(offers(change)),
      error: 'manifest_syntax',
      ends: 'rejected',
    });
    const doubled = (text: string): string => text.replace('"size_bytes":', '"size_bytes":64,"size_bytes":');
    await ordeals.endureAll(onTestFinished, {
      doubled: { ...onCheck(says(doubled)), error: 'json', ends: 'asks again' },
      'a size as text': wrong((manifest) => ({ ...manifest, size_bytes: String(manifest.size_bytes) })),
      'a hash as number': wrong((manifest) => ({ ...manifest, sha256: 12 })),
      'a chip as null': wrong((manifest) => ({ ...manifest, chip: null })),
      'no hash': wrong((manifest) => ({ ...manifest, sha256: undefined })),
      'a list for a manifest': wrong((manifest) => [manifest]),
    });
  });

  test('may have unknown members, in any order', async ({ onTestFinished }) => {
    const proxy = await ordeals.proxy(onTestFinished);
    const bench = new Bench(ordeals.server, onTestFinished);
    await bench.offer('1.1.0');
    proxy.faults.check = offers((manifest) => ({
      colour: ['blue', { deep: null }],
      ...Object.fromEntries(Object.entries(manifest).toReversed()),
    }));
    const device = await bench.board({ at: proxy });
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
  });

  test('G31 a size of 0, of 2^32, with a zero before it, a sign or an exponent is refused', async ({
    onTestFinished,
  }) => {
    const size = (text: string, error: DeviceErrorName): Ordeal => ({
      ...onCheck(says((answer) => answer.replace(/"size_bytes":\d+/, `"size_bytes":${text}`))),
      error,
      ends: error === 'json' ? 'asks again' : 'rejected',
    });
    await ordeals.endureAll(onTestFinished, {
      '0': size('0', 'manifest_syntax'),
      '4294967296': size('4294967296', 'manifest_syntax'),
      '007': size('007', 'json'),
      '+1': size('+1', 'json'),
      '1e6': size('1e6', 'manifest_syntax'),
      '-65536': size('-65536', 'manifest_syntax'),
      'more than an image may have': size('4089447', 'size'),
    });
  });

  test('G33 a manifest of another format is refused', async ({ onTestFinished }) => {
    const format = (name: string): Ordeal => ({
      ...onCheck(offers((manifest) => ({ ...manifest, format: name }))),
      error: 'manifest_syntax',
      ends: 'rejected',
    });
    await ordeals.endureAll(onTestFinished, { config: format('otter-config/1'), later: format('otter-manifest/2') });
  });
});

describe.concurrent('the trust in an offer', () => {
  type SignedFields = Offer['manifest'] & { readonly expires_at?: string };

  interface Signature {
    readonly key_id: string;
    readonly signature: string;
  }

  /** The nine lines of docs/device-protocol.md, spelled here a second time on purpose. */
  function canonicalText(manifest: SignedFields): string {
    return [
      'otter-manifest/1',
      `product=${manifest.product}`,
      `chip=${manifest.chip}`,
      `version=${manifest.version}`,
      `security_version=${manifest.security_version}`,
      `size_bytes=${manifest.size_bytes}`,
      `sha256=${manifest.sha256}`,
      `created_at=${manifest.created_at}`,
      `expires_at=${manifest.expires_at ?? '-'}`,
      '',
    ].join('\n');
  }

  type KeyPair = typeof releaseKey;

  function keyIdOf({ publicKey }: KeyPair): string {
    return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex').slice(0, 16);
  }

  function sign(manifest: SignedFields, key: KeyPair): Signature {
    const signature = createSign('sha256').update(canonicalText(manifest)).sign(key.privateKey, 'base64');
    return { key_id: keyIdOf(key), signature };
  }

  const signed = (manifest: SignedFields, ...signatures: readonly Signature[]): object => ({
    ...manifest,
    signatures,
  });
  const rightly = (manifest: SignedFields): object => signed(manifest, sign(manifest, releaseKey));
  const withKey = (): readonly string[] => ['--release-key', join(folder, 'release.pem')];

  const refused = (error: DeviceErrorName, change: (manifest: Offer['manifest']) => object): Ordeal => ({
    ...onCheck(offers(change)),
    args: withKey(),
    error,
    ends: 'rejected',
  });

  test('of a release key is enough', async ({ onTestFinished }) => {
    const proxy = await ordeals.proxy(onTestFinished);
    const bench = new Bench(ordeals.server, onTestFinished);
    await bench.trust(trustedKey);
    await bench.offer('1.1.0');
    proxy.faults.check = offers((manifest) => signed(manifest, sign(manifest, otherKey), sign(manifest, releaseKey)));
    const device = await bench.board({ at: proxy, args: withKey() });
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
  });

  test('G34 no signature, one of an unknown key, an empty or a long one, or one key twice are refused', async ({
    onTestFinished,
  }) => {
    const key_id = keyIdOf(releaseKey);
    const other = (manifest: Offer['manifest']): Signature => sign(manifest, otherKey);
    await ordeals.endureAll(onTestFinished, {
      none: refused('signature', ({ signatures, ...manifest }) => {
        expect(signatures).toHaveLength(1);
        return manifest;
      }),
      'an empty list': refused('signature', (manifest) => signed(manifest)),
      'an unknown key': refused('signature', (manifest) => signed(manifest, other(manifest))),
      'an unknown key under a known name': refused('signature', (manifest) =>
        signed(manifest, { ...other(manifest), key_id }),
      ),
      'an empty one': refused('signature', (manifest) => signed(manifest, { key_id, signature: '' })),
      'one of 200 bytes': refused('signature', (manifest) =>
        signed(manifest, { key_id, signature: Buffer.alloc(200, 0x30).toString('base64') }),
      ),
      'one that is no base64': refused('signature', (manifest) => signed(manifest, { key_id, signature: '####' })),
      'one key twice, both wrong': refused('signature', (manifest) =>
        signed(manifest, { ...other(manifest), key_id }, { ...other(manifest), key_id }),
      ),
      'one of another manifest': refused('signature', (manifest) =>
        signed(manifest, sign({ ...manifest, version: '1.1.1' }, releaseKey)),
      ),
    });
  });

  test('G35 a good signature does not make it fit another product or chip', async ({ onTestFinished }) => {
    await ordeals.endureAll(onTestFinished, {
      product: refused('product', (manifest) => rightly({ ...manifest, product: 'another' })),
      chip: refused('chip', (manifest) => rightly({ ...manifest, chip: 'esp32s3' })),
    });
  });

  test('G37 what has expired, or comes from the future, is refused', async ({ onTestFinished }) => {
    const instant = (days: number): string => `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19)}Z`;
    const expiring = (manifest: Offer['manifest'], days: number): object =>
      rightly({ ...manifest, expires_at: instant(days) });
    await ordeals.endureAll(onTestFinished, {
      expired: refused('expired', (manifest) => expiring(manifest, -1)),
      'from the future': refused('expired', (manifest) => rightly({ ...manifest, created_at: instant(3) })),
    });
  });

  test('G38 a security version that jumps by more than 1000 is refused', async ({ onTestFinished }) => {
    await ordeals.endure(
      onTestFinished,
      refused('security_version', (manifest) => rightly({ ...manifest, security_version: 1_001 })),
    );
  });
});

describe.concurrent('the image', () => {
  test('G39 with one bit wrong never becomes bootable', async ({ onTestFinished }) => {
    const flip = (place: (length: number) => number, error: DeviceErrorName): Ordeal => ({
      ...onImage(
        changesImage((image) => {
          const at = place(image.length);
          image.writeUInt8(image.readUInt8(at) ^ 1, at);
          return image;
        }),
      ),
      error,
      ends: 'failed',
    });
    await ordeals.endureAll(onTestFinished, {
      'in its first byte': flip(() => 0, 'image'),
      'in its middle': flip((length) => Math.floor(length / 2), 'hash'),
      'in its last byte': flip((length) => length - 1, 'hash'),
    });
  });

  test('is not taken from a captive portal', async ({ onTestFinished }) => {
    const portal: Fault = async (exchange) =>
      exchange.send({ headers: { 'content-type': 'text/html' }, body: Buffer.from('<html>Please log in</html>') });
    await ordeals.endure(onTestFinished, { ...onImage(portal), error: 'length', ends: 'failed' });
  });

  test('is not taken from another part of the file', async ({ onTestFinished }) => {
    const part = (range: (size: number) => string): Ordeal => ({
      faults: {
        image: async (exchange) => {
          const { status, headers, body } = await exchange.ask();
          if (exchange.index === 0) {
            await exchange.write(headOf(status, { ...headers, 'content-length': String(body.length) }));
            await exchange.write(body.subarray(0, 40_000));
            exchange.end();
          } else {
            await exchange.send({ status, headers: { ...headers, 'content-range': range(body.length) }, body });
          }
        },
      },
      error: 'range_invalid',
      ends: 'failed',
    });
    await ordeals.endureAll(onTestFinished, {
      'from its beginning': part((size) => `bytes 0-${size - 1}/${size}`),
      'of a longer one': part((size) => `bytes 4096-${size + 4095}/9999999`),
      'without a total': part((size) => `bytes 4096-${size + 4095}/*`),
      'of no unit': part(() => 'somewhere'),
    });
  });

  test('that is reset again and again arrives', async ({ onTestFinished }) => {
    const proxy = await ordeals.proxy(onTestFinished);
    const bench = new Bench(ordeals.server, onTestFinished);
    await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    proxy.faults.image = async (exchange) => {
      const { status, headers, body } = await exchange.ask();
      await exchange.write(headOf(status, { ...headers, 'content-length': String(body.length) }));
      await exchange.write(body.subarray(0, 30_000));
      await exchange.rest(50);
      if (body.length > 30_000) exchange.reset();
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor('confirmed');
    expect(proxy.downloads.length).toBeGreaterThan(2);
    await bench.knowsUpdated('1.1.0');
  });
});
