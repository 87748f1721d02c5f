// Boards that a limit of the server refuses, over the real wire: each comes again by itself, and no update is lost.

import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { HANDSHAKES_OF_ADDRESSES, MAX_DOWNLOADS_OF_TOKEN, MAX_HANDSHAKE_S } from '#protocol/limits.ts';
import { makeCertificate } from '../simulator/scripted-server.ts';
import { Downloads } from '../support/attack/held-download.ts';
import type { TestServer } from '../support/server/server.ts';
import { Bench, finalReportsOf, type OnTestFinished, startServerForBoards } from './support/bench.ts';
import { FaultProxy } from './support/fault-proxy.ts';

test('a board whose downloads somebody else has under way waits as it is told, and updates', async ({
  onTestFinished,
}) => {
  const server = await startServerForBoards();
  onTestFinished(async () => server.end());
  const downloads = await Downloads.of(server);
  const proxy = await FaultProxy.start(server, await makeCertificate(), onTestFinished);
  const bench = new Bench(server, onTestFinished);
  const device = await bench.board({ at: proxy });
  await device.waitFor('enrolled');
  const held: { close(): void }[] = [];
  proxy.faults.image = async (exchange) => {
    const { path, headers } = exchange.request;
    const token = headers['authorization']?.replace('Bearer ', '') ?? '';
    const status = async () => (await server.fetch('HEAD', path, { token })).status;
    if (exchange.index === 0) {
      for (let count = 0; count < MAX_DOWNLOADS_OF_TOKEN; count += 1) held.push(await downloads.hold(path, token));
      await vi.waitFor(async () => expect(await status()).toBe(429), 20_000);
    } else {
      for (const client of held.splice(0)) client.close();
      await vi.waitFor(async () => expect(await status()).toBe(200), 20_000);
    }
    await exchange.relay();
  };
  await bench.offer('1.1.0');
  await device.waitFor('download_interrupted');
  expect(server.logged.join('')).toContain('too_many_downloads');
  await device.waitFor('confirmed');
  await bench.knowsUpdated('1.1.0');
  expect(await finalReportsOf(server, bench.mac), 'one attempt, and it is no failure').toEqual([['confirmed']]);
});

const PER_ADDRESS = 3;
const MOST_HANDSHAKES = PER_ADDRESS * MAX_HANDSHAKE_S * HANDSHAKES_OF_ADDRESSES;
let server: TestServer;
beforeAll(async () => {
  server = await startServerForBoards({
    settings: `trust_proxy: [127.0.0.1]\nproxy_protocol: true\nlimits: {per_address: ${PER_ADDRESS}}`,
  });
});
afterAll(async () => server.end());

test('a board that finds no room for its handshake comes again, and updates when there is some', async ({
  onTestFinished,
}) => {
  const bench = new Bench(server, onTestFinished);
  await bench.offer('1.1.0');
  const crowd = await fillHandshakes(onTestFinished);
  const url = await boardAddress(onTestFinished);
  const device = await bench.board({ at: { url, pin: server.pin } });
  await device.waitFor('failed');
  expect(device.names()).not.toContain('offered');
  crowd.leave();
  await device.waitFor('confirmed');
  await bench.knowsUpdated('1.1.0');
});

/** The server as it is behind a proxy: the board comes from an address of its own. */
async function boardAddress(onTestFinished: OnTestFinished): Promise<URL> {
  const listener = net.createServer((board) => {
    const above = net.connect(Number(server.url.port), '127.0.0.1');
    above.write('PROXY TCP4 203.0.113.70 127.0.0.1 1 2\r\n');
    board.pipe(above).pipe(board);
    for (const [one, other] of [
      [board, above],
      [above, board],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(async () => void listener.close());
  const address = listener.address();
  return new URL(`https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
}

/** Connections of many addresses that never begin their handshake, and others in the place of those that are cut for it. */
async function fillHandshakes(onTestFinished: OnTestFinished): Promise<{ leave(): void }> {
  const sockets = new Set<net.Socket>();
  let count = 0;
  const open = (): void => {
    count += 1;
    const address = `198.51.${(count >> 8) & 0xff}.${count & 0xff}`;
    const socket = net.connect(Number(server.url.port), '127.0.0.1');
    socket.write(`PROXY TCP4 ${address} 127.0.0.1 1 2\r\n`);
    sockets.add(socket);
    socket.resume();
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  };
  const fill = (): void => {
    for (let more = sockets.size; more < 2 * MOST_HANDSHAKES; more += 1) open();
  };
  fill();
  const filling = setInterval(fill, 50);
  const leave = (): void => {
    clearInterval(filling);
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(async () => leave());
  // More than there is room for were closed: it is full.
  await vi.waitFor(() => expect(count).toBeGreaterThan(3 * MOST_HANDSHAKES));
  return { leave };
}
