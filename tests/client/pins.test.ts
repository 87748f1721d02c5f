// Which servers a board trusts, with the real library over real TLS: pins that its release key signed, what a thief of the server cannot
// do with them, and the day on which the key of the certificate is lost.

import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { lockKey } from '#cli/signing/key-file.ts';
import type { Configuration } from '#protocol/device/configuration.ts';
import { formatPin } from '#protocol/pinned-https.ts';
import { findBackupKey } from '#server/home/backup-key.ts';
import { makeCertificate } from '../simulator/scripted-server.ts';
import { runOtter } from '../support/otter-command.ts';
import type { TestServer } from '../support/server/server.ts';
import { startTestServer } from '../support/server/server.ts';
import { newKey, signPins } from '../support/signing.ts';
import { Bench, type OnTestFinished, startServerForBoards } from './support/bench.ts';
import { type Certificate, FaultProxy } from './support/fault-proxy.ts';

vi.setConfig({ maxConcurrency: 4 });

const PASSPHRASE = 'four random words here';
const [owner, thief] = [newKey(), newKey()];
let server: TestServer;
let folder: string;
let live: Certificate;
let next: Certificate;
let foreign: Certificate;
beforeAll(async () => {
  server = await startServerForBoards();
  [live, next, foreign] = [await makeCertificate(), await makeCertificate(), await makeCertificate()];
  folder = await mkdtemp(join(tmpdir(), 'otter-pins-'));
  await writeFile(join(folder, 'owner.pub'), owner.releaseKey.pem);
  await lockKey(
    join(folder, 'release.key.age'),
    owner.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    PASSPHRASE,
    10,
  );
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true });
});

const pinsOf = (...certificates: readonly Certificate[]) => certificates.map(({ pin }) => formatPin(pin));
const ownerKey = (): readonly string[] => ['--release-key', join(folder, 'owner.pub')];

/** A board that was answered once, and the server in front of it, which sends what it is told to. */
async function newBoard(onTestFinished: OnTestFinished, args = ownerKey()) {
  const proxy = await FaultProxy.start(server, live, onTestFinished);
  const bench = new Bench(server, onTestFinished);
  const { product } = bench.line;
  const device = await bench.board({ at: proxy, args });
  await device.waitFor('checked');
  const send = (configuration: Configuration): void => {
    proxy.faults.check = async (exchange) => {
      const { status, headers, body } = await exchange.ask();
      const answer = JSON.parse(body.toString()) as object;
      await exchange.send({ status, headers, body: Buffer.from(JSON.stringify({ ...answer, configuration })) });
    };
  };
  const show = (certificate: Certificate): void => {
    proxy.door = { kind: 'open', certificate };
  };
  /** What the board said last. */
  const said = () => proxy.checkIns.at(-1) ?? {};
  /** It is answered once more, from now on. */
  const isAnswered = async (): Promise<void> => {
    await device.waitFor('checked', { after: device.moment });
    await device.waitFor('checked', { after: device.moment });
  };
  const isLockedOut = async (): Promise<void> => {
    await device.waitFor('failed', { after: device.moment, where: ({ error }) => error === 'pin_mismatch' });
  };
  return { proxy, bench, product, device, send, show, said, isAnswered, isLockedOut };
}

describe.concurrent('a configuration', () => {
  test('that the owner signed brings pins, over restarts; those of the sketch always hold', async ({
    onTestFinished,
  }) => {
    const { product, device, send, show, said, isAnswered, isLockedOut } = await newBoard(onTestFinished);
    send(signPins({ product, pins: pinsOf(live, next), sequence: 7 }, owner));
    await device.waitFor('pins_changed');
    await isAnswered();
    expect(said()).toMatchObject({ configuration_sequence: 7, pins: [live.pin.sha256.slice(0, 16)] });
    expect(device.log).toContain(
      'otter: pins changed: those of configuration 7 hold from now on, beside those of the sketch',
    );
    show(next);
    await isAnswered();
    await device.switchOff();
    device.switchOn();
    await isAnswered();
    expect(said()).toMatchObject({ configuration_sequence: 7 });
    // The next one names neither: what the sketch has cannot be taken away.
    send(signPins({ product, pins: pinsOf(foreign), sequence: 8 }, owner));
    await device.waitFor('pins_changed', { after: device.moment });
    await isLockedOut();
    show(live);
    await isAnswered();
    show(foreign);
    await isAnswered();
    await device.switchOff();
    await device.eraseNvs();
    device.switchOn();
    await isLockedOut();
    show(live);
    await isAnswered();
    expect(device.isRunning).toBe(true);
  });

  test('cannot be made up by who has stolen the server: each is ignored, told, and said to the server', async ({
    onTestFinished,
  }) => {
    const { product, device, send, show, said, isAnswered, isLockedOut } = await newBoard(onTestFinished);
    send(signPins({ product, pins: pinsOf(live), sequence: 100 }, owner));
    await device.waitFor('pins_changed');
    const pins = pinsOf(live, foreign);
    // Each with a number of its own: a board tells the same refusal once.
    const good = (sequence: number) => signPins({ product, pins: pinsOf(live), sequence }, owner);
    const evil = (sequence: number) => signPins({ product, pins, sequence }, thief);
    const { keyId } = owner.releaseKey;
    const rows: readonly (readonly [string, Configuration])[] = [
      ['signature', evil(101)],
      [
        'signature',
        { ...evil(102), signatures: evil(102).signatures.map(({ signature }) => ({ key_id: keyId, signature })) },
      ],
      ['signature', { ...evil(103), signatures: good(103).signatures }],
      ['signature', { ...good(104), pins }],
      ['signature', { ...good(104), sequence: 105 }],
      ['sequence', signPins({ product, pins, sequence: 99 }, owner)],
      ['product', signPins({ product: 'another', pins, sequence: 106 }, owner)],
      ['expired', signPins({ product, pins, sequence: 107, expiresAt: '2020-01-01T00:00:00Z' }, owner)],
      ['configuration', { ...good(108), pins: [...pins, ...pins] }],
    ];
    for (const [error, configuration] of rows) {
      const { moment } = device;
      send(configuration);
      await device.waitFor('configuration_refused', { after: moment, where: (event) => event.error === error });
      await isAnswered();
      expect(said()).toMatchObject({ configuration_sequence: 100, configuration_refused: error });
    }
    expect(device.eventsOf('pins_changed')).toHaveLength(1);
    expect(device.log.join('\n')).toContain('configuration not taken, the pins stay as they are: expired');
    show(foreign);
    await isLockedOut();
  });

  test('is nothing to a board without a release key', async ({ onTestFinished }) => {
    const { product, device, send, show, said, isAnswered, isLockedOut } = await newBoard(onTestFinished, []);
    send(signPins({ product, pins: pinsOf(live, next), sequence: 7 }, owner));
    await isAnswered();
    expect(said()).not.toHaveProperty('configuration_sequence');
    expect(device.names()).not.toContain('pins_changed');
    show(next);
    await isLockedOut();
  });
});

/** A server of its own, a board that knows its backup key, and the command line on its machine. */
async function ownServer(onTestFinished: OnTestFinished, args: (backup: string) => readonly string[]) {
  const own = await startServerForBoards();
  onTestFinished(async () => {
    await own.stop().catch(() => undefined);
    rmSync(own.home, { recursive: true, force: true });
  });
  const backup = findBackupKey(own.home)?.pin ?? '';
  const bench = new Bench(own, onTestFinished);
  const body = { public_key: owner.releaseKey.pem };
  await own.admin('trustReleaseKey', { body });
  const device = await bench.board({ args: [...ownerKey(), ...args(backup)] });
  await device.waitFor('checked');
  const otter = async (...words: readonly string[]) => {
    const env = { OTTER_KEY_PASSPHRASE: PASSPHRASE };
    const run = await runOtter(folder, [...words, '--yes', '--json', '--home', own.home], { env, cwd: folder });
    expect(run, run.stdout).toMatchObject({ exitCode: 0 });
  };
  /** On the same address, with what is in its home now. */
  const startAgain = async (): Promise<TestServer> => {
    const started = await startTestServer({
      like: own,
      port: Number(own.url.port),
      env: { OTTER_POLL_INTERVAL: '30s' },
    });
    onTestFinished(async () => started.stop());
    return started;
  };
  return { own, backup, device, bench, otter, startAgain };
}

describe.concurrent('the key of the server', () => {
  test('changes under a board that was told by configuration alone', async ({ onTestFinished }) => {
    const { own, backup, device, otter, startAgain } = await ownServer(onTestFinished, () => []);
    await otter('cert', 'rotate', 'start', '--backup-pin', backup);
    await device.waitFor('pins_changed');
    await vi.waitFor(
      async () => {
        const { products } = await own.admin('getPins', {});
        expect(products.find(({ by_configuration }) => by_configuration === 1)).toBeDefined();
      },
      { timeout: 60_000, interval: 250 },
    );
    await otter('cert', 'rotate', 'finish', '--strand');
    await own.stop();
    const moved = await startAgain();
    expect(formatPin(moved.pin)).toBe(backup);
    await device.waitFor('checked', { after: device.moment });
  });

  test('is lost: with the key that was put away, boards whose sketch has both pins are back at once', async ({
    onTestFinished,
  }) => {
    const { own, backup, device, otter, startAgain } = await ownServer(onTestFinished, (pin) => ['--pin', pin]);
    const stowed = join(folder, 'stowed.key.age');
    await otterStow(own, stowed);
    await own.stop();
    for (const name of ['server.key', 'server.crt']) rmSync(join(own.home, 'data/certs', name));
    await otter('cert', 'rotate', 'finish', '--from', stowed);
    const back = await startAgain();
    expect(formatPin(back.pin)).toBe(backup);
    await device.waitFor('checked', { after: device.moment });
    expect(device.eventsOf('failed').filter(({ error }) => error === 'pin_mismatch')).toEqual([]);
  });
});

/** It asks nothing, and has no `--yes`. */
async function otterStow({ home }: TestServer, file: string): Promise<void> {
  const env = { OTTER_KEY_PASSPHRASE: PASSPHRASE };
  expect(await runOtter(folder, ['cert', 'stow', file, '--home', home], { env })).toMatchObject({ exitCode: 0 });
}
