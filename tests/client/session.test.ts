// A board keeps its TLS session while it sleeps: the next check shows no certificate and costs a fraction. Whatever is wrong with
// the session, the handshake after it is a whole one and the board goes on; and nobody but the server goes on with it.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCertificate } from '#server/certs/certificate.ts';
import { makeCertificate } from '../simulator/scripted-server.ts';
import { openRaw } from '../support/server/raw-database.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { Bench, type OnTestFinished, startServerForBoards } from './support/bench.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import type { OtterDevice } from './support/otter-device.ts';
import { APPLICATION_DATA, TcpTap } from './support/tcp-tap.ts';

const SLEEPS = ['--deep-sleep', '1'];

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => server.end());

/** Its clock was set: it takes the ticket key of this week now, and not in the middle of a test. */
async function startServer(): Promise<TestServer> {
  const started = await startServerForBoards();
  await started.tick();
  return started;
}

interface Scene {
  readonly tap: TcpTap;
  readonly device: OtterDevice;
}

/** A board of its own, and somebody on its line who reads along. */
async function startScene(
  onTestFinished: OnTestFinished,
  { of = server, args = SLEEPS }: { readonly of?: TestServer; readonly args?: readonly string[] } = {},
): Promise<Scene> {
  const tap = await TcpTap.start(of.url, onTestFinished);
  const device = await new Bench(of, onTestFinished).board({ at: { url: tap.url, pin: of.pin }, args });
  return { tap, device };
}

/** Checks of this board that the server answered, so many from now on. */
async function checks({ device }: Scene, count: number): Promise<void> {
  let after = device.moment;
  for (let check = 0; check < count; check += 1) {
    await device.waitFor('checked', { after });
    after = device.events.findIndex(({ event }, index) => index >= after && event === 'checked') + 1;
  }
}

/** For each connection: whether the server showed its certificate. */
const certificates = ({ tap }: Scene): readonly boolean[] => tap.connections.map((seen) => seen.hasCertificate);

describe.concurrent('a TLS session', () => {
  test('goes on while a board sleeps: the certificate comes once', async ({ onTestFinished }) => {
    const scene = await startScene(onTestFinished);
    await checks(scene, 4);
    const [first, ...rest] = certificates(scene);
    expect(first).toBe(true);
    expect(rest.length).toBeGreaterThanOrEqual(3);
    expect(rest).not.toContain(true);
    expect(scene.device.eventsOf('deep_sleep').length).toBeGreaterThanOrEqual(3);
    expect(scene.device.eventsOf('failed')).toEqual([]);
  });

  test('goes on while a board is awake, too, and ends with its power', async ({ onTestFinished }) => {
    const scene = await startScene(onTestFinished, { args: [] });
    await checks(scene, 3);
    expect(certificates(scene).slice(0, 3)).toEqual([true, false, false]);
    await scene.device.switchOff();
    const before = scene.tap.connections.length;
    scene.device.switchOn();
    await checks(scene, 1);
    expect(certificates(scene)[before]).toBe(true);
  });

  test('ends with the pin under which it was made', async ({ onTestFinished }) => {
    const pem = await readFile(join(server.home, 'data/certs/server.crt'), 'utf8');
    const nextPin = `cert:${readCertificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()}`;
    const scene = await startScene(onTestFinished, { args: [...SLEEPS, '--next-pin', nextPin] });
    await checks(scene, 3);
    // The server is the same, and trusted before and after; the board knows it by another pin.
    const [first, second, ...rest] = certificates(scene);
    expect([first, second]).toEqual([true, true]);
    expect(rest).not.toContain(true);
    expect(scene.device.eventsOf('failed')).toEqual([]);
  });

  test('is none where RTC memory loses a bit: each handshake is a whole one', async ({ onTestFinished }) => {
    const scene = await startScene(onTestFinished, { args: [...SLEEPS, '--lose-rtc-bits'] });
    await checks(scene, 3);
    expect(certificates(scene)).not.toContain(false);
    expect(scene.device.eventsOf('failed')).toEqual([]);
  });

  test('that the server cannot read any more ends well: it shows its certificate, and the check goes on', async ({
    onTestFinished,
  }) => {
    let own = await startServer();
    onTestFinished(async () => own.end());
    const scene = await startScene(onTestFinished, { of: own });
    await checks(scene, 2);
    const raw = await openRaw(own, { writes: true });
    await raw.query('delete from ticket_keys');
    await raw.close();
    scene.tap.loseTarget();
    await own.stop();
    own = await startTestServer({ like: own, env: { OTTER_POLL_INTERVAL: '30s' } });
    const before = scene.tap.connections.length;
    scene.tap.moveTo(own.url);
    await checks(scene, 3);
    const after = certificates(scene).slice(before);
    expect(after[0]).toBe(true);
    expect(after.slice(1)).not.toContain(true);
  });

  test('is of no use to whoever takes every ticket: not one byte of a request comes, and the board goes on with its server', async ({
    onTestFinished,
  }) => {
    const scene = await startScene(onTestFinished);
    await checks(scene, 2);
    const impostor = await startImpostor(scene.tap.connections[0]?.cipherSuite ?? 0, onTestFinished);
    scene.tap.lead(impostor);
    expect(await scene.device.waitFor('failed', { after: scene.device.moment })).toMatchObject({ error: 'tls' });
    expect(scene.device.log.at(-1)).toContain('the session from before did not go on');
    const [played] = scene.tap.connections.slice(-1);
    expect(played?.hasCertificate).toBe(false);
    expect(played?.records).not.toContain(APPLICATION_DATA);
    const before = scene.tap.connections.length;
    scene.tap.lead(server.url);
    await checks(scene, 2);
    const after = certificates(scene).slice(before);
    expect(after[0]).toBe(true);
    expect(after[1]).toBe(false);
  });

  test('does not save another server from showing its certificate, and that is refused', async ({ onTestFinished }) => {
    const scene = await startScene(onTestFinished);
    await checks(scene, 2);
    const thief = await FaultProxy.start(server, await makeCertificate(), onTestFinished);
    scene.tap.lead(thief.url);
    expect(await scene.device.waitFor('failed', { after: scene.device.moment })).toMatchObject({
      error: 'pin_mismatch',
    });
    expect(thief.visits.map(({ requestBytes }) => requestBytes).filter((bytes) => bytes > 0)).toEqual([]);
    scene.tap.lead(server.url);
    await checks(scene, 2);
  });
});

/** Says to every hello that the session of its ticket goes on. It has everything that passes on the line, and not the secret. */
async function startImpostor(cipherSuite: number, onTestFinished: OnTestFinished): Promise<URL> {
  const record = (type: number, content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([type, 3, 3, content.length >> 8, content.length & 255]), content]);
  const listener = net.createServer((board) => {
    board.on('error', () => undefined);
    board.once('data', (hello: Buffer) => {
      // Behind the headers of record and message, version and random bytes.
      const sessionId = hello.subarray(43, 44 + hello.readUInt8(43));
      const suite = Buffer.from([cipherSuite >> 8, cipherSuite & 255]);
      // Renegotiation info (RFC 5746) and extended master secret (RFC 7627), as the server has them.
      const extensions = Buffer.from('0009ff0100010000170000', 'hex');
      const body = [Buffer.from([3, 3]), Buffer.alloc(32, 7), sessionId, suite, Buffer.from([0]), extensions];
      const length = Buffer.concat(body).length;
      const message = Buffer.concat([Buffer.from([2, 0, 0, length]), ...body]);
      board.write(Buffer.concat([record(22, message), record(20, Buffer.from([1])), record(22, Buffer.alloc(40, 7))]));
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(async () => void listener.close());
  return new URL(`https://127.0.0.1:${(listener.address() as net.AddressInfo).port}`);
}
