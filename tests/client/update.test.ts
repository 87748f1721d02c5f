// The real library on boards of `otter-device` against a real server over real TLS: every way in which an update ends. What
// a board says is never enough: each test asks the server what it knows.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Offer } from '#protocol/device/api.ts';
import { makeCertificate, sha256Of } from '../simulator/scripted-server.ts';
import { sizeOf } from '../support/scope.ts';
import type { TestServer } from '../support/server/server.ts';
import { Bench, finalReportsOf, type OnTestFinished, reportsOf, startServerForBoards } from './support/bench.ts';
import type { Script } from './support/device-image.ts';
import { type Certificate, type Exchange, FaultProxy, headOf } from './support/fault-proxy.ts';
import type { OtterDevice } from './support/otter-device.ts';
import { APPLICATION_DATA, TcpTap } from './support/tcp-tap.ts';

// Boards wait for much, so more of them than usual at once.
vi.setConfig({ maxConcurrency: 6 });

const IMAGE_BYTES = 200 * 1024;
/** What a board may ask for again after a broken connection: the piece that was on its way. */
const OVERLAP_BYTES = 4_097;

let server: TestServer;
let certificate: Certificate;
let otherCertificate: Certificate;
beforeAll(async () => {
  server = await startServerForBoards();
  [certificate, otherCertificate] = await Promise.all([makeCertificate(), makeCertificate()]);
});
afterAll(async () => server.end());

/** A bench with a proxy before the server; boards that are started `at: proxy` know only the proxy. */
async function newProxiedBench(
  onTestFinished: OnTestFinished,
): Promise<{ readonly bench: Bench; readonly proxy: FaultProxy }> {
  const proxy = await FaultProxy.start(server, certificate, onTestFinished);
  return { bench: new Bench(server, onTestFinished), proxy };
}

/** Nothing but the build that was flashed by cable ever ran. */
function expectNeverLeft(device: OtterDevice): void {
  expect(device.eventsOf('boot')).toMatchObject([{ slot: 0, version: '1.0.0' }]);
  expect(device.names()).not.toContain('installing');
}

describe.concurrent('a build that is good', () => {
  test('is downloaded, tried and confirmed; the server counts the board as updated', async ({ onTestFinished }) => {
    const bench = new Bench(server, onTestFinished);
    const image = await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    const device = await bench.board();
    await device.waitFor('confirmed');
    const before = ['boot', 'offered', 'download_started', 'downloaded', 'installing'];
    expect(device.names()).toEqual([...before, 'boot', 'trial_started', 'confirmed']);
    expect(device.eventsOf('boot')).toMatchObject([
      { slot: 0, version: '1.0.0', product: bench.line.product },
      { slot: 1, version: '1.1.0', product: bench.line.product, state: 'pending_verify', reset: 'software' },
    ]);
    expect(device.eventsOf('progress').at(-1)).toMatchObject({ done: image.length, total: image.length });
    const { assignments, device: known } = await bench.knowsUpdated('1.1.0');
    expect(assignments).toHaveLength(1);
    expect(known.attributes).toMatchObject({ rollback_capable: true });
    await vi.waitFor(async () =>
      expect(await reportsOf(server, bench.mac)).toEqual([['downloading', 'downloaded', 'installing', 'confirmed']]),
    );
    // Healthy with its next check-in: the last word came as a report.
    const { targeted, soaking, healthy } = await bench.line.outcomes('1.1.0', 'expand');
    expect({ targeted, updated: soaking + healthy }).toEqual({ targeted: 1, updated: 1 });
  });

  test('is still there after a power-on, and the next one goes to the other slot', async ({ onTestFinished }) => {
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0');
    const device = await bench.board();
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
    expect(await device.switchOff()).toBe(143);
    await bench.line.move('1.1.0', 'promote');
    await bench.offer('1.2.0');
    const { moment } = device;
    device.switchOn();
    await device.waitFor('confirmed', { after: moment });
    expect(device.events.slice(moment).filter(({ event }) => event === 'boot')).toMatchObject([
      { slot: 1, version: '1.1.0', state: 'valid' },
      { slot: 0, version: '1.2.0', state: 'pending_verify' },
    ]);
    await bench.knowsUpdated('1.2.0');
  });

  test('and that is blocked later is left for the prior stable one', async ({ onTestFinished }) => {
    const bench = new Bench(server, onTestFinished);
    await bench.upload('1.0.0');
    await bench.line.rollOut('1.0.0', 'complete');
    await bench.offer('1.1.0');
    const device = await bench.board();
    await device.waitFor('confirmed', { where: ({ version }) => version === '1.1.0' });
    await bench.knowsUpdated('1.1.0');
    await bench.line.block('1.1.0');
    await device.waitFor('confirmed', { where: ({ version }) => version === '1.0.0' });
    expect(device.eventsOf('boot').map(({ version }) => version)).toEqual(['1.0.0', '1.1.0', '1.0.0']);
    const { assignments } = await bench.knowsUpdated('1.0.0');
    expect(assignments).toMatchObject([
      { version: '1.0.0', rollback: true, state: 'confirmed' },
      { version: '1.1.0', rollback: false, state: 'confirmed' },
    ]);
  });

  test('waits in its slot while the board is not idle', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    const folder = await mkdtemp(join(tmpdir(), 'otter-idle-'));
    onTestFinished(async () => rm(folder, { recursive: true }));
    await bench.offer('1.1.0');
    const device = await bench.board({ at: proxy, args: ['--idle', join(folder, 'idle')] });
    await device.waitFor('downloaded');
    await bench.knows({ state: 'downloaded', version: '1.1.0' }, { current_version: '1.0.0' });
    // Two more check-ins go by: nothing is installed, and nothing is downloaded again.
    await proxy.seen(proxy.checkIns.length + 2);
    expectNeverLeft(device);
    await writeFile(join(folder, 'idle'), '');
    await device.waitFor('confirmed');
    expect(proxy.downloads).toEqual([undefined]);
    await bench.knowsUpdated('1.1.0');
  });
});

describe.concurrent('a build that is bad is left again, and the server knows why:', () => {
  const old = ['--bootloader', 'no-rollback'];
  test.for<readonly [title: string, script: Script, error: string, args: readonly string[]]>([
    ['it crashes before it starts the client', 'crash', 'crash', []],
    ['it crashes after it has started the client', 'crash-later', 'crash', []],
    ['it hangs', 'hang', 'watchdog', []],
    ['it does not reach the network', 'no-network', 'trial_timeout', ['--trial-timeout', '30']],
    ['it fails its own health check', 'self-test', 'self_test', []],
    ['it restarts on trial', 'restarts', 'crash', []],
    ['it crashes, and the bootloader cannot go back by itself', 'crash-later', 'crash', old],
    ['it fails its health check, and the bootloader cannot go back by itself', 'self-test', 'self_test', old],
  ])('%s', async ([, script, error, args], { onTestFinished }) => {
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0', { script });
    const device = await bench.board({ args });
    expect(await device.waitFor('rolled_back')).toMatchObject({ error, version: '1.0.0', slot: 0 });
    const { builds, assignments } = await bench.knows(
      { state: 'rolled_back', error_code: error },
      { current_version: '1.0.0', status: 'failed' },
    );
    expect(assignments).toHaveLength(1);
    // One trial that did not reach the server may have met an outage: a strike, and the build only rests.
    const isProof = error !== 'trial_timeout';
    expect(builds).toMatchObject([{ version: '1.1.0', known_bad: isProof, last_error: error }]);
    // It goes on checking in, and is not offered that build again.
    await bench.seenAgain(device);
    const reason = isProof ? 'known_bad' : 'backing_off';
    expect(await bench.line.explain(bench.mac)).toMatchObject({ outcome: 'hold', reason });
    expect(await finalReportsOf(server, bench.mac)).toEqual([['rolled_back']]);
    expect(device.eventsOf('download_started')).toHaveLength(1);
    expect(device.names()).not.toContain('no_bootable_image');
  });

  test('and the board does not take it again when a server offers it again', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    await bench.offer('1.1.0', { script: 'crash' });
    let offer: Offer | undefined;
    proxy.faults.check = async (exchange) => {
      if (offer !== undefined) return exchange.sendJson(offer);
      offer = await exchange.askForOffer();
      return exchange.sendJson(offer);
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor('rolled_back');
    await device.waitFor('rejected', { where: ({ error }) => error === 'known_bad' });
    expect(proxy.downloads).toHaveLength(1);
    // When an operator clears the build, the offer says so: the board tries it once more, and leaves it again.
    proxy.heal();
    await bench.knows({ state: 'rolled_back', error_code: 'crash' });
    await server.admin('clearKnownBad', { params: { device: bench.mac } });
    const { assignments } = await bench.knows(
      { state: 'rolled_back', error_code: 'crash', attempt: 2 },
      { current_version: '1.0.0' },
    );
    expect(assignments).toHaveLength(2);
    expect(device.eventsOf('boot').map(({ version }) => version)).toEqual([
      '1.0.0',
      '1.1.0',
      '1.0.0',
      '1.1.0',
      '1.0.0',
    ]);
    expect(await bench.line.explain(bench.mac)).toMatchObject({ outcome: 'hold', reason: 'known_bad' });
  });
});

describe.concurrent('an offer that does not fit', () => {
  test('by its chip is never made', async ({ onTestFinished }) => {
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0', { chip: 'esp32c3' });
    const device = await bench.board();
    await bench.seenAgain(device);
    expect(await bench.line.explain(bench.mac)).toMatchObject({ outcome: 'hold', reason: 'no_image_for_chip' });
    expect((await bench.detail()).assignments).toEqual([]);
    expectNeverLeft(device);
  });

  test('by its size is never made', async ({ onTestFinished }) => {
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0', { sizeBytes: 300 * 1024 });
    const device = await bench.board({ args: ['--slot-bytes', String(0x40000)] });
    await bench.seenAgain(device);
    expect(await bench.line.explain(bench.mac)).toMatchObject({ outcome: 'hold', reason: 'slot_too_small' });
    expect((await bench.detail()).device.attributes).toBeDefined();
    expectNeverLeft(device);
  });

  test.for<readonly [title: string, error: string, manifest: Partial<Offer['manifest']>]>([
    ['by its chip', 'chip', { chip: 'esp32c3' }],
    ['by its size', 'size', { size_bytes: 0x140001 }],
    ['by its version, which is lower and not marked as rollback', 'downgrade', { version: '0.9.0' }],
    ['by its version, which is the running one', 'downgrade', { version: '1.0.0' }],
    ['by its product', 'product', { product: 'another' }],
  ])('%s is refused by the board when it is made all the same', async ([, error, manifest], { onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    await bench.offer('1.1.0');
    proxy.faults.check = async (exchange) => {
      if (exchange.index > 0) return exchange.relay();
      const offer = await exchange.askForOffer();
      return exchange.sendJson({ ...offer, manifest: { ...offer.manifest, ...manifest } });
    };
    const device = await bench.board({ at: proxy });
    expect(await device.waitFor('rejected')).toMatchObject({ error });
    await bench.knows({ state: 'rejected', error_code: error, version: '1.1.0' }, { current_version: '1.0.0' });
    await bench.seenAgain(device);
    expectNeverLeft(device);
    expect(proxy.downloads).toEqual([]);
    expect(await finalReportsOf(server, bench.mac)).toEqual([['rejected']]);
  });

  test('by the revision of the chip is refused before the spare slot is touched', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    await bench.offer('1.1.0');
    offerInstead(proxy, bench.build('1.1.0', { minChipRevision: 302 }));
    const device = await bench.board({ at: proxy });
    expect(await device.waitFor('failed')).toMatchObject({ error: 'chip' });
    const { device: known } = await bench.knows({ state: 'failed', error_code: 'chip' }, { current_version: '1.0.0' });
    expect(known.attributes).toMatchObject({ chip_revision: 301 });
    expect(device.eventsOf('progress')).toEqual([]);
    await vi.waitFor(() => expect(device.log.join('\n')).toContain('(this board is an esp32 of revision 301)'));
    expectNeverLeft(device);
  });

  test('by the bytes of its image is refused before the spare slot is touched', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    await bench.offer('1.1.0');
    const image = bench.build('1.1.0', { chip: 'esp32c3' });
    offerInstead(proxy, image);
    const device = await bench.board({ at: proxy });
    expect(await device.waitFor('failed')).toMatchObject({ error: 'chip' });
    await bench.knows({ state: 'failed', error_code: 'chip' }, { current_version: '1.0.0' });
    expect(device.eventsOf('progress')).toEqual([]);
    expectNeverLeft(device);
  });
});

/** The first check is answered with another image than the one that the server offers. */
function offerInstead(proxy: FaultProxy, image: Buffer): void {
  proxy.faults.check = async (exchange) => {
    if (exchange.index > 0) return exchange.relay();
    const offer = await exchange.askForOffer();
    const { elf_sha256: _, ...manifest } = offer.manifest;
    return exchange.sendJson({
      ...offer,
      manifest: { ...manifest, size_bytes: image.length, sha256: sha256Of(image) },
    });
  };
  proxy.faults.image = async (exchange) => exchange.send({ body: image, headers: { etag: `"${sha256Of(image)}"` } });
}

describe.concurrent('the pin', () => {
  test('that is wrong: not one byte of a request leaves the board', async ({ onTestFinished }) => {
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0');
    const tap = await TcpTap.start(server.url, onTestFinished);
    const device = await bench.board({ at: { url: tap.url, pin: otherCertificate.pin } });
    await device.waitFor('failed', { where: ({ error }) => error === 'pin_mismatch' });
    await device.waitFor('failed', { after: device.moment, where: ({ error }) => error === 'pin_mismatch' });
    expect(tap.connections.length).toBeGreaterThanOrEqual(2);
    for (const { records, receivedBytes } of tap.connections) {
      expect(receivedBytes).toBeGreaterThan(0);
      expect(records).not.toContain(APPLICATION_DATA);
    }
    expect((await server.tryAdmin('getDevice', { params: { device: bench.mac } })).status).toBe(404);
    const { items } = await server.admin('getBoardProblems');
    expect(items.find(({ kind }) => kind === 'certificate')).toMatchObject({ cause: /pin/ });
    expectNeverLeft(device);
  });

  test('is checked again for the download', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    await bench.offer('1.1.0');
    proxy.faults.check = async (exchange) => {
      const answer = await exchange.ask();
      proxy.door = { kind: 'open', certificate: otherCertificate };
      await exchange.write(headOf(200, { connection: 'close', 'content-length': String(answer.body.length) }));
      await exchange.write(answer.body);
      exchange.end();
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor(['download_interrupted', 'failed'], { where: ({ error }) => error === 'pin_mismatch' });
    expect(proxy.downloads).toEqual([]);
    expect(proxy.visits.slice(1).map(({ requestBytes }) => requestBytes)).toEqual(proxy.visits.slice(1).map(() => 0));
    expectNeverLeft(device);
    // The right certificate is back: the update goes on.
    proxy.heal();
    proxy.door = { kind: 'open', certificate };
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
  });
});

describe.concurrent('a download that breaks', () => {
  /** Sends so much of the real image and breaks the connection; false where the board did not wait for it. */
  const breakAt = async (exchange: Exchange, bytes: number): Promise<boolean> => {
    const { status, headers, body } = await exchange.ask();
    await exchange.write(headOf(status, { ...headers, 'content-length': String(body.length) }));
    const wasTaken = await exchange.write(body.subarray(0, bytes));
    exchange.end();
    return wasTaken;
  };

  test.for(sizeOf({ push: [1, 4_097, IMAGE_BYTES], whole: [1, 16, 4_095, 4_096, 4_097, 65_536, IMAGE_BYTES] }))(
    'after %i bytes goes on where it stopped',
    async (bytes, { onTestFinished }) => {
      const { bench, proxy } = await newProxiedBench(onTestFinished);
      await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
      let isBroken = false;
      proxy.faults.image = async (exchange) => {
        if (isBroken) return exchange.relay();
        isBroken = await breakAt(exchange, bytes);
      };
      const device = await bench.board({ at: proxy });
      await device.waitFor('download_interrupted', { where: ({ error }) => error === 'connection_lost' });
      await device.waitFor('confirmed');
      const range = proxy.downloads.at(-1);
      const resumedAt = range === undefined ? 0 : Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
      expect(resumedAt).toBeLessThanOrEqual(bytes);
      expect(resumedAt).toBeGreaterThanOrEqual(bytes - OVERLAP_BYTES);
      await bench.knowsUpdated('1.1.0');
    },
  );

  test('again and again comes to its end, and no byte is sent twice', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    const image = await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    let sentBytes = 0;
    proxy.faults.image = async (exchange) => {
      await breakAt(exchange, exchange.index < 4 ? 45_000 : image.length);
      sentBytes += exchange.sentBytes;
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor('confirmed');
    expect(proxy.downloads.length).toBeGreaterThanOrEqual(5);
    expect(sentBytes).toBeLessThan(image.length + proxy.downloads.length * OVERLAP_BYTES);
    await bench.knowsUpdated('1.1.0');
  });

  test('starts over when the server answers 200 instead of 206', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    proxy.faults.image = async (exchange) => {
      if (exchange.index === 0) return void (await breakAt(exchange, 100_000));
      // To a request without a range the server answers with the whole image.
      return exchange.send(await exchange.ask({ range: '' }));
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor('confirmed');
    expect(proxy.downloads[1]).toMatch(/^bytes=\d+-$/);
    await bench.knowsUpdated('1.1.0');
  });

  test('and goes on with another file is refused by its hash', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    const image = await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    const changed = bench.build('1.1.0', { sizeBytes: IMAGE_BYTES, build: 'changed' });
    expect(changed.length).toBe(image.length);
    proxy.faults.image = async (exchange) => {
      if (exchange.index === 0) return void (await breakAt(exchange, 100_000));
      expect(exchange.request.headers['if-range']).toBe(`"${sha256Of(image)}"`);
      return exchange.send({ body: changed, headers: { etag: `"${sha256Of(changed)}"` } });
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor('failed', { where: ({ error }) => error === 'hash' });
    await bench.knows({ state: 'failed', error_code: 'hash' }, { current_version: '1.0.0' });
    expectNeverLeft(device);
    await bench.seenAgain(device);
    expect(await finalReportsOf(server, bench.mac)).toEqual([['failed']]);
  });

  test('and goes on with a part of another file is refused by its hash', async ({ onTestFinished }) => {
    const { bench, proxy } = await newProxiedBench(onTestFinished);
    await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    const changed = bench.build('1.1.0', { sizeBytes: IMAGE_BYTES, build: 'changed' });
    proxy.faults.image = async (exchange) => {
      if (exchange.index === 0) return void (await breakAt(exchange, 100_000));
      const { status, headers, body } = await exchange.ask();
      return exchange.send({ status, headers, body: changed.subarray(changed.length - body.length) });
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor('failed', { where: ({ error }) => error === 'hash' });
    await bench.knows({ state: 'failed', error_code: 'hash' }, { current_version: '1.0.0' });
    expectNeverLeft(device);
  });
});

describe.concurrent('power that fails', () => {
  const SIZE_BYTES = 32 * 1024;
  // Writes to flash and NVS, those below 1 counted from the last one of an update back: where slots are selected and the
  // journal is written.
  // The library's own tests cut at every one of them.
  const CUTS = sizeOf({ push: [12, -8, -5, -2, 0], whole: [1, 12, -10, -8, -7, -6, -5, -4, -3, -2, -1, 0] });
  const TEARS = ['before', 'partial', 'after', 'garbage'] as const;
  /** A server of its own: its clock moves. */
  let powerServer: TestServer;
  let operations = 0;
  beforeAll(async () => {
    powerServer = await startServerForBoards();
    let scrap: () => Promise<void> = async () => undefined;
    const bench = new Bench(powerServer, (cleanUp) => (scrap = cleanUp));
    await bench.offer('1.1.0', { sizeBytes: SIZE_BYTES });
    const device = await bench.board({ args: ['--until', 'confirmed'] });
    expect(await device.exit()).toBe(0);
    operations = Number(device.eventsOf('summary').at(-1)?.['operations']);
    await scrap();
  });
  afterAll(async () => powerServer.end());

  test.for(CUTS.map((operation, index) => ({ operation, tear: TEARS[index % TEARS.length] ?? 'before' })))(
    'at operation $operation ($tear) does not keep a board from its update',
    async ({ operation, tear }, { onTestFinished }) => {
      const bench = new Bench(powerServer, onTestFinished);
      await bench.offer('1.1.0', { sizeBytes: SIZE_BYTES });
      const cutAt = operation < 1 ? operations + operation : operation;
      const device = await bench.board({ args: ['--cut-at', String(cutAt), '--tear', tear] });
      await device.waitFor('power_cut');
      const { moment } = device;
      const next = await device.waitFor(['rolled_back', 'failed', 'checked', 'offered', 'confirmed'], {
        after: moment,
      });
      if (next.event === 'rolled_back' || next.event === 'failed') {
        expect(next).toMatchObject({ version: '1.0.0', slot: 0 });
        await bench.knowsEnd(['failed', 'rolled_back']);
        // The back-off of the server is over.
        powerServer.clock.advance(120);
      }
      await device.waitFor('checked', { after: moment, where: ({ version }) => version === '1.1.0' });
      await bench.knowsUpdated('1.1.0');
      expect(device.names()).not.toContain('no_bootable_image');
      const finals = await finalReportsOf(powerServer, bench.mac);
      expect(finals.filter((statuses) => statuses.length > 1)).toEqual([]);
    },
  );
});
