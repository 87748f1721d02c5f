// A product line whose builds are signed: uploads with signatures, release keys, and what boards say that they know.

import type { OpenedKey } from '#cli/signing/key-file.ts';
import type { ReleaseKey } from '#protocol/admin/fleet/release-keys.ts';
import type { SignedManifest } from '#protocol/device/signed-manifest.ts';
import { ProductLine, type Stop } from './product-line.ts';
import type { Answered } from './server/client.ts';
import type { TestServer } from './server/server.ts';
import { signManifest } from '#cli/signing/sign.ts';
import { signImage } from './signing.ts';

export class SignedLine extends ProductLine {
  readonly #server: TestServer;

  constructor(server: TestServer) {
    super(server);
    this.#server = server;
  }

  sign(version: string, keys: readonly OpenedKey[], expiresAt = '-'): SignedManifest {
    const { nowMs } = this.#server.clock;
    return signImage(this.image(version), { product: this.product, version, keys, nowMs, expiresAt });
  }

  /** An upload whatever it answers; `signed` undefined: without a signature. */
  async tryUpload(version: string, signed: SignedManifest | undefined): Promise<Answered> {
    const query = { product: this.product, version, pilot_ready: 'true' };
    return this.#server.tryAdmin('uploadFirmware', {
      query: signed === undefined ? query : { ...query, signed: JSON.stringify(signed) },
      body: this.image(version),
    });
  }

  /** Uploads a build that these keys signed, and rolls it out so far. */
  async release(version: string, keys: readonly OpenedKey[], until: Stop = 'complete', expiresAt = '-'): Promise<void> {
    const { status, body } = await this.tryUpload(
      version,
      keys.length === 0 ? undefined : this.sign(version, keys, expiresAt),
    );
    if (status !== 201) throw new Error(`the upload answered ${status}: ${JSON.stringify(body)}`);
    await this.rollOut(version, until);
  }

  /** Signs what is stored and unsigned, as `otter key trust` does. */
  async trust(key: OpenedKey, signers: readonly OpenedKey[] = [key]): Promise<Answered> {
    const { items } = await this.#server.admin('getUnsignedBuilds', { query: { product: this.product } });
    const { nowMs } = this.#server.clock;
    const signed = items.map((image) => signManifest(image, signers, { nowMs, expiresAt: '-' }));
    return this.tryTrust(key, signed);
  }

  async tryTrust(key: OpenedKey, signed: readonly SignedManifest[]): Promise<Answered> {
    return this.#server.tryAdmin('trustReleaseKey', {
      body: { public_key: key.releaseKey.pem, product: this.product, signed },
    });
  }

  async tryRetire(key: OpenedKey, force = false): Promise<Answered> {
    const body = { product: this.product, ...(force ? { force, reason: 'stolen' } : {}) };
    return this.#server.tryAdmin('retireReleaseKey', { params: { key: key.releaseKey.keyId }, body });
  }

  async keyOf(key: OpenedKey): Promise<ReleaseKey | undefined> {
    const { items } = await this.#server.admin('getReleaseKeys');
    return items.find(({ key_id, product }) => key_id === key.releaseKey.keyId && product === this.product);
  }
}

/** What a board says of the keys in its build. */
export function knows(...keys: readonly OpenedKey[]): { readonly release_keys: readonly string[] } {
  return { release_keys: keys.map(({ releaseKey }) => releaseKey.keyId) };
}
