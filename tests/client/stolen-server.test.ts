// A server in foreign hands: the thief has its database, its files, its tokens, its TLS key and its process, and not the release key. The
// real library on boards of `otter-device` takes nothing that the key did not sign, whatever comes, and goes on with what it signed.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Offer } from '#protocol/device/api.ts';
import { makeCertificate } from '../simulator/scripted-server.ts';
import { openRaw } from '../support/server/raw-database.ts';
import type { TestServer } from '../support/server/server.ts';
import { newKey, sha256Of, signFields, signImage } from '../support/signing.ts';
import { Bench, type OnTestFinished, startServerForBoards } from './support/bench.ts';
import { type Certificate, type Exchange, FaultProxy } from './support/fault-proxy.ts';
import type { OtterDevice } from './support/otter-device.ts';

vi.setConfig({ maxConcurrency: 4 });

let server: TestServer;
let certificate: Certificate;
let folder: string;
const [owner, backup, thief] = [newKey(), newKey(), newKey()];
beforeAll(async () => {
  server = await startServerForBoards();
  certificate = await makeCertificate();
  folder = await mkdtemp(join(tmpdir(), 'otter-keys-'));
  await writeFile(join(folder, 'owner.pub'), owner.releaseKey.pem);
  await writeFile(join(folder, 'backup.pub'), backup.releaseKey.pem);
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true });
});

const keyArgs = (...names: readonly string[]) =>
  names.flatMap((name) => ['--release-key', join(folder, `${name}.pub`)]);
const BOTH_KEYS = (): readonly string[] => keyArgs('owner', 'backup');

/** A board that confirmed 1.1.0, which the owner signed, and the server through which the thief speaks to it. */
async function boardOfOwner(onTestFinished: OnTestFinished, args = BOTH_KEYS()) {
  const proxy = await FaultProxy.start(server, certificate, onTestFinished);
  const bench = new Bench(server, onTestFinished);
  await bench.trust(owner);
  await bench.offer('1.1.0');
  const device = await bench.board({ at: proxy, args });
  await device.waitFor('confirmed');
  await bench.knowsUpdated('1.1.0');
  await bench.line.move('1.1.0', 'promote');
  return { proxy, bench, device };
}

/** Nothing ran but what was flashed by cable, and what the owner signed. */
function expectOwnersBuilds(device: OtterDevice, versions: readonly string[]): void {
  expect(device.isRunning).toBe(true);
  expect(device.eventsOf('boot').map(({ version }) => version)).toEqual(versions);
}

describe.concurrent('a stolen server', () => {
  test('cannot make up an offer that a board takes', async ({ onTestFinished }) => {
    const { proxy, bench, device } = await boardOfOwner(onTestFinished);
    const evil = bench.build('6.6.6', { script: 'crash' });
    const of = { product: bench.line.product, nowMs: Date.now() };
    const good = signImage(bench.build('1.1.0'), { ...of, version: '1.1.0', keys: [owner] });
    const foreign = signImage(evil, { ...of, version: '6.6.6', keys: [thief] });
    const { signatures: _, ...unsigned } = foreign;
    const renamed = foreign.signatures.map(({ signature }) => ({ key_id: owner.releaseKey.keyId, signature }));
    const manifests = [
      { ...unsigned },
      foreign,
      { ...foreign, signatures: [] },
      { ...foreign, signatures: renamed },
      { ...foreign, signatures: good.signatures },
      // What the owner signed, with one field that is not.
      { ...good, version: '6.6.6' },
      { ...good, version: '6.6.6', sha256: foreign.sha256, size_bytes: foreign.size_bytes },
      { ...good, version: '1.1.1' },
      { ...good, version: '1.1.1', security_version: 1 },
      signFields({ ...unsigned, security_version: 7 }, [thief, newKey()]),
    ];
    const downloads = proxy.downloads.length;
    for (const [index, manifest] of manifests.entries()) {
      proxy.faults.check = async (exchange) => exchange.sendJson(offerOf(manifest, 900 + index));
      const { moment } = device;
      await device.waitFor('rejected', { after: moment, where: ({ error }) => error === 'signature' });
    }
    expect(proxy.downloads).toHaveLength(downloads);
    expectOwnersBuilds(device, ['1.0.0', '1.1.0']);
    // The rightful owner goes on.
    proxy.heal();
    await bench.offer('1.2.0');
    await bench.knowsUpdated('1.2.0');
    expectOwnersBuilds(device, ['1.0.0', '1.1.0', '1.2.0']);
  });

  test('cannot bring other bytes under a signed name', async ({ onTestFinished }) => {
    const { proxy, bench, device } = await boardOfOwner(onTestFinished);
    await bench.offer('1.2.0');
    const evil = bench.build('1.2.0', { build: 'evil' });
    proxy.faults.image = async (exchange: Exchange) => {
      const { status, headers } = await exchange.ask();
      await exchange.send({ status, headers, body: evil });
    };
    await device.waitFor('failed', { where: ({ error }) => error === 'hash' || error === 'image' });
    expectOwnersBuilds(device, ['1.0.0', '1.1.0']);
  });

  test('cannot do it through its own database, its own files and a key of its own either', async ({
    onTestFinished,
  }) => {
    const { bench, device } = await boardOfOwner(onTestFinished);
    const { product } = bench.line;
    const evil = bench.build('6.6.6');
    const signed = signImage(evil, { product, version: '6.6.6', keys: [thief], nowMs: Date.now() });
    await server.admin('trustReleaseKey', { body: { public_key: thief.releaseKey.pem, product } });
    const query = { pilot_ready: 'true', signed: JSON.stringify(signed) };
    await server.admin('uploadFirmware', { query, body: evil });
    await bench.line.rollOut('6.6.6', 'expand');
    // The thief gives the key the name of the owner's, and the signature with it.
    const raw = await openRaw(server, { writes: true });
    await raw.query(
      `update images set signed = replace(signed, '${thief.releaseKey.keyId}', '${owner.releaseKey.keyId}') where sha256 = '${sha256Of(evil)}'`,
    );
    await raw.query(`delete from release_keys where product = '${product}' and key_id = '${owner.releaseKey.keyId}'`);
    await raw.query(`update release_keys set key_id = '${owner.releaseKey.keyId}' where product = '${product}'`);
    await raw.query('update catalog set revision = revision + 1');
    await raw.close();
    await bench.seenAgain(device);
    await bench.seenAgain(device);
    expectOwnersBuilds(device, ['1.0.0', '1.1.0']);
    expect((await bench.line.explain(bench.mac)).outcome).toBe('hold');
  });
});

describe.concurrent('a board with two keys', () => {
  test('takes what the backup key signed when the other one is lost', async ({ onTestFinished }) => {
    const { bench, device } = await boardOfOwner(onTestFinished);
    bench.signers = [];
    await bench.trust(backup);
    await bench.offer('1.2.0');
    await bench.knowsUpdated('1.2.0');
    expectOwnersBuilds(device, ['1.0.0', '1.1.0', '1.2.0']);
    expect((await bench.detail()).device.attributes['release_keys']).toEqual(
      [owner, backup].map(({ releaseKey }) => releaseKey.keyId),
    );
  });

  test('that wants both takes nothing that one of them signed', async ({ onTestFinished }) => {
    const proxy = await FaultProxy.start(server, certificate, onTestFinished);
    const bench = new Bench(server, onTestFinished);
    await bench.trust(owner);
    await bench.trust(backup);
    await bench.offer('1.1.0');
    proxy.faults.check = async (exchange) => {
      const { status, headers, body } = await exchange.ask();
      const answer = JSON.parse(body.toString()) as Offer;
      const cut = answer.update_available
        ? { ...answer, manifest: { ...answer.manifest, signatures: answer.manifest.signatures?.slice(0, 1) } }
        : answer;
      await exchange.send({ status, headers, body: Buffer.from(JSON.stringify(cut)) });
    };
    const device = await bench.board({ at: proxy, args: [...BOTH_KEYS(), '--signatures-needed', '2'] });
    await device.waitFor('rejected', { where: ({ error }) => error === 'signature' });
    expectOwnersBuilds(device, ['1.0.0']);
    expect((await bench.detail()).device.attributes).toMatchObject({ release_keys_needed: 2 });
  });
});

function offerOf(manifest: object, assignmentId: number): object {
  return {
    update_available: true,
    reason: 'update',
    poll_interval_s: 30,
    assignment_id: assignmentId,
    rollback: false,
    labels: [],
    manifest: { release_notes: '', ...manifest },
    url: '/firmware/evil/6.6.6/esp32/image.bin',
  };
}
