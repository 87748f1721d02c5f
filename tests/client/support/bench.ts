// The bench of one test: a product of its own on a server that tests share, builds of it, boards that run it, and what the
// server knows of them. Every test has its own boards, so tests of one file run side by side.

import { expect, vi } from 'vitest';
import type { Assignment, DeviceDetail } from '#protocol/admin/devices.ts';
import { ProductLine } from '../../support/product-line.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import type { ServerAccess, ServerClient } from '../../support/server/client.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../../support/server/server.ts';
import type { OpenedKey } from '#cli/signing/key-file.ts';
import { signImage } from '../../support/signing.ts';
import { buildDeviceImage, type DeviceImageSpec } from './device-image.ts';
import { OtterDevice, type OtterDeviceOptions } from './otter-device.ts';

/** What a board may say of an attempt at its end; it says one of them, once. */
const FINAL: ReadonlySet<unknown> = new Set(['confirmed', 'failed', 'rolled_back', 'rejected']);

/**
 * The clock of a board is that of the wall: the shortest time limit of the network, 15 s for a TLS handshake, is not met on a busy
 * machine. Waits for the next check pass much faster.
 */
export const SPEED = 1;
export const REST_SPEED = 90;
/** For tests that wait for a time limit of the network. */
export const HASTE = 4;

// The trial is as long as the library lets it be: only a test of its end should see it.
const ARGS: readonly string[] = ['--interval', '30', '--trial-timeout', '3600', '--rest-speed', String(REST_SPEED)];

/** A time within which a server that was told something shows it. */
const SERVER_WAIT = { timeout: 120_000, interval: 250 } as const;

export type OnTestFinished = (cleanUp: () => Promise<void>) => void;

type BuildSpec = Omit<DeviceImageSpec, 'product' | 'version'>;

export interface BoardSpec extends Partial<Pick<OtterDeviceOptions, 'speed' | 'args'>> {
  /** Where the board believes the server to be; default: at the server itself. */
  readonly at?: Pick<ServerAccess, 'url' | 'pin'>;
}

/** A server that many boards ask often. */
export async function startServerForBoards(
  options: Pick<TestServerOptions, 'dialect' | 'settings'> = {},
): Promise<TestServer> {
  const server = await startTestServer({ env: { OTTER_POLL_INTERVAL: '30s' }, ...options });
  // Boards take the time from the Date of answers, which is that of the machine.
  server.clock.nowMs = Date.now();
  // A connection that is kept may be closed by the server in the moment in which a busy test uses it.
  server.agent.maxFreeSockets = 0;
  return server;
}

export class Bench {
  server: ServerClient;
  readonly line: ProductLine;
  readonly mac: string;
  /** Release keys that sign what is uploaded. */
  signers: readonly OpenedKey[] = [];
  readonly #onTestFinished: OnTestFinished;

  constructor(server: ServerClient, onTestFinished: OnTestFinished) {
    this.server = server;
    this.line = new ProductLine(server);
    this.mac = this.line.newMac();
    this.#onTestFinished = onTestFinished;
  }

  /** The same product on a server that was started again. */
  moveTo(server: ServerClient): this {
    this.server = server;
    this.line.moveTo(server);
    return this;
  }

  build(version: string, spec: BuildSpec = {}): Buffer {
    return buildDeviceImage({ product: this.line.product, version, ...spec });
  }

  /** Uploads a build. Product and version are what the marker in the image says. */
  async upload(version: string, spec: BuildSpec = {}): Promise<Buffer> {
    const image = this.build(version, spec);
    const query = { pilot_ready: 'true', ...this.#signed(version, image) };
    const { firmware } = await this.server.admin('uploadFirmware', { query, body: image });
    expect(firmware).toMatchObject({ product: this.line.product, version });
    return image;
  }

  /** The server takes only builds that this key signed, and those of this bench are. */
  async trust(key: OpenedKey): Promise<void> {
    const body = { public_key: key.releaseKey.pem, product: this.line.product };
    await this.server.admin('trustReleaseKey', { body });
    this.signers = [...this.signers, key];
  }

  #signed(version: string, image: Buffer): { readonly signed?: string } {
    if (this.signers.length === 0) return {};
    const of = { product: this.line.product, version, keys: this.signers, nowMs: Date.now() };
    return { signed: JSON.stringify(signImage(image, of)) };
  }

  /** Uploads a build and offers it to every board of the product. */
  async offer(version: string, spec: BuildSpec = {}): Promise<Buffer> {
    const image = await this.upload(version, spec);
    await this.line.rollOut(version, 'expand');
    return image;
  }

  /** A board that runs 1.0.0, switched on; taken away when the test ends. */
  async board(spec: BoardSpec = {}): Promise<OtterDevice> {
    const { url, pin } = spec.at ?? this.server;
    const device = await OtterDevice.start({
      server: url,
      pin,
      token: this.server.fleetToken,
      mac: this.mac,
      image: this.build('1.0.0'),
      speed: spec.speed ?? SPEED,
      args: [...ARGS, ...(spec.args ?? [])],
    });
    this.#onTestFinished(async () => device.scrap());
    return device;
  }

  async detail(): Promise<DeviceDetail> {
    return this.line.detail(this.mac);
  }

  /** Waits until the server knows this of the latest assignment and of the board. */
  async knows(expected: Partial<Assignment>, device: Readonly<Record<string, unknown>> = {}): Promise<DeviceDetail> {
    return vi.waitFor(async () => {
      const detail = await this.detail();
      expect(detail.assignments[0]).toMatchObject(expected);
      expect(detail.device).toMatchObject(device);
      return detail;
    }, SERVER_WAIT);
  }

  /** Waits until the server knows of an attempt that ended so. */
  async knowsEnd(states: readonly Assignment['state'][]): Promise<void> {
    await vi.waitFor(async () => {
      const { assignments } = await this.detail();
      expect(assignments.map(({ state }) => state).filter((state) => states.includes(state))).not.toEqual([]);
    }, SERVER_WAIT);
  }

  /** The board checks in once more, and the server has nothing for it. */
  async seenAgain(device: OtterDevice): Promise<void> {
    await device.waitFor('checked', { after: device.moment });
  }

  /** The server counts the board as updated, and so does the board. */
  async knowsUpdated(version: string): Promise<DeviceDetail> {
    const known = { version, state: 'confirmed', error_code: null } as const;
    return this.knows(known, { current_version: version, status: 'ok' });
  }
}

/** The sequence numbers of the library (`ReportStatus` of client/src/core/memory/journal.h). */
const REPORTED: readonly string[] = [
  '',
  'downloading',
  'downloaded',
  'installing',
  'trial',
  'confirmed',
  'failed',
  'rolled_back',
  'rejected',
];

/** Every report of a board that the server took, in the order of its sequence numbers, by assignment. */
export async function reportsOf(server: TestServer, mac: string): Promise<readonly (readonly string[])[]> {
  const raw = await openRaw(server);
  const rows = await raw.query(
    `select a.reported from assignments a join devices d on d.id = a.device_id
      where d.first_name = '${mac}' and a.reported <> '' order by a.id`,
  );
  await raw.close();
  return rows.map((row) =>
    String(row['reported'])
      .split(',')
      // Each with a digest of what it said.
      .map((taken) => Number(taken.split(':')[0]))
      .toSorted((left, right) => left - right)
      .map((sequence) => REPORTED[sequence] ?? `report ${sequence}`),
  );
}

/** The final reports of a board, by assignment. */
export async function finalReportsOf(server: TestServer, mac: string): Promise<readonly (readonly string[])[]> {
  return (await reportsOf(server, mac)).map((statuses) => statuses.filter((status) => FINAL.has(status)));
}
