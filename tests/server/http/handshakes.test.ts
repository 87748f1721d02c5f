// TLS handshakes under way: so many of one address and so many in all. Beyond, a connection is closed before a handshake costs anything, and
// what is under way goes on. Addresses come by the PROXY protocol, over real connections.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HANDSHAKES_OF_ADDRESSES, MAX_HANDSHAKE_S } from '#protocol/limits.ts';
import { guardConnections } from '#server/http/front/connections.ts';
import { AddressRate } from '#server/http/front/address-rate.ts';
import { Places } from '#server/http/front/places.ts';
import { makeCertificate } from '../../simulator/scripted-server.ts';
import { openTls } from '../../support/server/open-tls.ts';
import { startTestServer } from '../../support/server/server.ts';

/** A connection for this address, as a proxy opens it, that says nothing more. */
async function open(port: number, address: string): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(`PROXY TCP4 ${address} 127.0.0.1 1 2\r\n`);
  return socket;
}

/** Closed by the server within a moment; where it is not, the other outcome of the race says so. */
async function isClosed(socket: net.Socket): Promise<boolean> {
  if (socket.closed) return true;
  socket.resume();
  return new Promise((resolve) => {
    socket.once('close', () => resolve(true));
    setTimeout(() => resolve(false), 300);
  });
}

describe('handshakes of one address', () => {
  const MOST = 4;

  async function startGuarded(): Promise<number> {
    const { cert, key } = await makeCertificate();
    const server = tls.createServer({ cert, key }, (socket) => socket.on('error', () => undefined));
    guardConnections(server, {
      rate: new AddressRate({ most: 1_000, perS: 1_000 }, () => performance.now()),
      proxies: { isEmpty: false, has: (address) => address.endsWith('127.0.0.1') },
      speakProxyProtocol: true,
      maxConnections: 100,
      handshakes: new Places({ most: 2 * MOST, mostOfEach: MOST }),
    });
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  test('are so many; one more is closed, other addresses go on, and each that ends makes room', async () => {
    const port = await startGuarded();
    const held: net.Socket[] = [];
    for (let count = 0; count < MOST; count += 1) held.push(await open(port, '203.0.113.60'));
    await vi.waitFor(async () => expect(await isClosed(await open(port, '203.0.113.60'))).toBe(true));
    expect(await Promise.all(held.map(isClosed)), 'those that were there').not.toContain(true);
    expect(await openTls(await open(port, '203.0.113.61')), 'another address').toBeDefined();

    const [done, gone] = held;
    if (done === undefined || gone === undefined) throw new Error('nothing is held');
    expect(await openTls(done), 'one that was begun goes on to its end').toBeDefined();
    await vi.waitFor(async () => expect(await openTls(await open(port, '203.0.113.60'))).toBeDefined());
    gone.destroy();
    await vi.waitFor(async () => expect(await openTls(await open(port, '203.0.113.60'))).toBeDefined());
  });

  test('that are done count no more, however many connections stay open', async () => {
    const port = await startGuarded();
    for (let count = 0; count < 4 * MOST; count += 1)
      expect(await openTls(await open(port, '203.0.113.62')), `connection ${count}`).toBeDefined();
  });
});

test('handshakes of many addresses are bounded together, and the machine itself is let in all the same', async () => {
  const most = MAX_HANDSHAKE_S * HANDSHAKES_OF_ADDRESSES;
  const server = await startTestServer({
    settings: 'trust_proxy: [127.0.0.1]\nproxy_protocol: true\nlimits: {per_address: 1}',
  });
  onTestFinished(async () => server.end());
  const port = Number(server.url.port);
  const held: net.Socket[] = [];
  const addresses = Array.from({ length: 3 * most }, (_, index) => `198.51.100.${index + 1}`);
  for (const address of addresses) held.push(await open(port, address));
  const closed = await Promise.all(held.map(isClosed));
  expect(closed.filter((is) => !is)).toHaveLength(most);
  expect((await server.fetch('GET', '/healthz')).status).toBe(200);
  for (const socket of held) socket.destroy();
  await vi.waitFor(async () => expect(await openTls(await open(port, '198.51.100.200'))).toBeDefined(), {
    timeout: 20_000,
    interval: 1_500,
  });
});
