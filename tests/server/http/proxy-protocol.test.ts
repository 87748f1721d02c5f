// The PROXY protocol in front of TLS: what is such a header, whose word it is, and what an address may do that comes by it.

import { once } from 'node:events';
import net from 'node:net';
import type tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ADDRESS_BURST_S } from '#protocol/limits.ts';
import { takeProxyHeader } from '#server/http/front/proxied-socket.ts';
import { readProxyHeader } from '#server/http/front/proxy-header.ts';
import { openTls } from '../../support/server/open-tls.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const V2_BEGIN = '0d0a0d0a000d0a515549540a';

/** A header of version 2: command and family as one hex text, then what stands behind the length. */
function v2(kind: string, payload: string): Buffer {
  const bytes = Buffer.from(payload, 'hex');
  const length = bytes.length.toString(16).padStart(4, '0');
  return Buffer.from(`${V2_BEGIN}${kind}${length}${payload}`, 'hex');
}

/** From, to, and their ports. */
const IPV4 = ['cb007109', '7f000001', 'c001', '20fb'].join('');
const IPV6 = ['20010db8000000000000000000000007', `${'0'.repeat(31)}1`, 'c001', '20fb'].join('');

describe('a header', () => {
  test.each([
    ['v1, IPv4', Buffer.from('PROXY TCP4 203.0.113.9 127.0.0.1 49153 8443\r\n'), '203.0.113.9'],
    ['v1, IPv6', Buffer.from('PROXY TCP6 2001:db8::7 ::1 49153 8443\r\n'), '2001:db8::7'],
    ['v1, not said', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
    ['v1, not said with more', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), undefined],
    ['v2, IPv4', v2('2111', IPV4), '203.0.113.9'],
    ['v2, IPv4 with more behind', v2('2111', `${IPV4}0400020102`), '203.0.113.9'],
    ['v2, IPv6', v2('2121', IPV6), '2001:db8::7'],
    ['v2, for the proxy itself', v2('2000', ''), undefined],
    ['v2, for the proxy itself with addresses', v2('2011', IPV4), undefined],
    ['v2, not said', v2('2100', ''), undefined],
  ])('%s: in any pieces, and the bytes behind it are not of it', (_, bytes, address) => {
    for (let length = 0; length < bytes.length; length += 1)
      expect(readProxyHeader(bytes.subarray(0, length)), `${length} bytes`).toEqual({ kind: 'incomplete' });
    const found = { kind: 'header', bytes: bytes.length, address };
    expect(readProxyHeader(bytes)).toEqual(found);
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.from([0x16, 3, 1])]))).toEqual(found);
  });

  test.each([
    ['TLS', Buffer.from('1603010200', 'hex')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['another word', Buffer.from('PROXY UDP4 203.0.113.9 127.0.0.1 1 2\r\n')],
    ['in lower case', Buffer.from('proxy TCP4 203.0.113.9 127.0.0.1 1 2\r\n')],
    ['an address of the other family', Buffer.from('PROXY TCP4 2001:db8::7 ::1 1 2\r\n')],
    ['no address', Buffer.from('PROXY TCP4 203.0.113.999 127.0.0.1 1 2\r\n')],
    ['a name', Buffer.from('PROXY TCP4 example.com 127.0.0.1 1 2\r\n')],
    ['a port with a zero before it', Buffer.from('PROXY TCP4 203.0.113.9 127.0.0.1 01 2\r\n')],
    ['a port that is none', Buffer.from('PROXY TCP4 203.0.113.9 127.0.0.1 65536 2\r\n')],
    ['one word too many', Buffer.from('PROXY TCP4 203.0.113.9 127.0.0.1 1 2 3\r\n')],
    ['one word too few', Buffer.from('PROXY TCP4 203.0.113.9 127.0.0.1 1\r\n')],
    ['two spaces', Buffer.from('PROXY TCP4  203.0.113.9 127.0.0.1 1 2\r\n')],
    ['a line that is too long', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(120)}\r\n`)],
    ['v1 of version 2', Buffer.from(`${V2_BEGIN}1111000c${IPV4}`, 'hex')],
    ['another command', v2('2211', IPV4)],
    ['UDP', v2('2112', IPV4)],
    ['too short for its addresses', v2('2111', IPV4.slice(2))],
    ['longer than any', Buffer.from(`${V2_BEGIN}2111ffff`, 'hex')],
  ])('%s is none', (_, bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: 'none' });
  });
});

describe('a server behind a proxy that passes TLS through', () => {
  const PER_ADDRESS = 1;
  /** Enough to meet the bound also where they take long. */
  const COUNT = 100;
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      settings: `trust_proxy: [127.0.0.1]\nproxy_protocol: true\nlimits: {per_address: ${PER_ADDRESS}, max_connections: 40}`,
    });
  });
  afterAll(async () => server.end());

  /** A connection by way of the proxy, with what it says first; undefined where it was closed before TLS. */
  async function connect(header: Buffer | string): Promise<tls.TLSSocket | undefined> {
    const below = net.connect(Number(server.url.port), '127.0.0.1');
    below.on('error', () => undefined);
    below.write(header);
    return openTls(below);
  }

  async function ask(socket: tls.TLSSocket, ...headers: readonly string[]): Promise<string> {
    socket.write(['GET /healthz HTTP/1.1', 'Host: otter', ...headers, '', ''].join('\r\n'));
    const [bytes] = await once(socket, 'data');
    return String(bytes);
  }

  async function loggedAddress(header: Buffer | string, ...headers: readonly string[]): Promise<string> {
    server.logged.length = 0;
    const socket = await connect(header);
    if (socket === undefined) throw new Error('the connection was refused');
    expect(await ask(socket, ...headers)).toMatch(/^HTTP\/1\.1 200/);
    const line = await vi.waitFor(() => {
      const found = server.logged.find((one) => one.includes('"request"'));
      if (found === undefined) throw new Error('nothing is logged yet');
      return found;
    });
    return String(Object(JSON.parse(line))['ip']);
  }

  test('knows for whom it comes, in both versions', async () => {
    expect(await loggedAddress('PROXY TCP4 203.0.113.9 127.0.0.1 49153 8443\r\n')).toBe('203.0.113.9');
    expect(await loggedAddress(v2('2121', IPV6))).toBe('2001:db8::7');
    expect(await loggedAddress(v2('2000', '')), 'the proxy itself').toBe('127.0.0.1');
  });

  test('commands on its own machine come without a header', async () => {
    expect(await loggedAddress('')).toBe('127.0.0.1');
  });

  test('whoever comes by the proxy is believed no address that it forwards itself', async () => {
    const forged = 'X-Forwarded-For: 198.51.100.1';
    expect(await loggedAddress('PROXY TCP4 203.0.113.10 127.0.0.1 1 2\r\n', forged)).toBe('203.0.113.10');
  });

  test('a header that is none, half a header and a second one get nowhere', async () => {
    expect(await connect('PROXY TCP4 203.0.113.999 127.0.0.1 1 2\r\n')).toBeUndefined();
    expect(await connect(v2('2112', IPV4))).toBeUndefined();
    const twice = 'PROXY TCP4 203.0.113.11 127.0.0.1 1 2\r\n'.repeat(2);
    expect(await connect(twice)).toBeUndefined();
    expect((await server.fetch('GET', '/healthz')).status).toBe(200);
  });

  test('handshakes that fail are those of whom the proxy speaks for', async () => {
    const below = net.connect(Number(server.url.port), '127.0.0.1');
    below.on('error', () => undefined);
    below.end('PROXY TCP4 203.0.113.77 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\n\r\n');
    below.resume();
    await once(below, 'close');
    await vi.waitFor(async () => {
      const { items } = await server.admin('getBoardProblems');
      expect(JSON.stringify(items)).toContain('203.0.113.77');
    });
  });

  test('an address that opens connection after connection is closed before the handshake; others go on', async () => {
    const header = 'PROXY TCP4 203.0.113.20 127.0.0.1 1 2\r\n';
    let opened = 0;
    for (let count = 0; count < COUNT; count += 1) {
      const socket = await connect(header);
      if (socket !== undefined) opened += 1;
      socket?.destroy();
    }
    expect(opened).toBeGreaterThanOrEqual(PER_ADDRESS * ADDRESS_BURST_S);
    expect(opened).toBeLessThan(COUNT / 2);
    expect(await loggedAddress('PROXY TCP4 203.0.113.21 127.0.0.1 1 2\r\n')).toBe('203.0.113.21');
  });
});

test('one address holds half of the connections at most, and gives them back', async () => {
  const server = await startTestServer({
    settings: 'trust_proxy: [127.0.0.1]\nproxy_protocol: true\nlimits: {max_connections: 10}',
  });
  onTestFinished(async () => server.end());
  const open = async (address: string): Promise<tls.TLSSocket | undefined> => {
    const socket = net.connect(Number(server.url.port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.write(`PROXY TCP4 ${address} 127.0.0.1 1 2\r\n`);
    return openTls(socket);
  };
  const held = [];
  for (let count = 0; count < 5; count += 1) held.push(await open('203.0.113.30'));
  expect(held).not.toContain(undefined);
  expect(await open('203.0.113.30'), 'a sixth').toBeUndefined();
  expect(await open('203.0.113.31'), 'another address').toBeDefined();
  held[0]?.destroy();
  await vi.waitFor(async () => expect(await open('203.0.113.30')).toBeDefined());
});

describe('a proxy on another machine', () => {
  /** What a server makes of a connection whose header may not be missing. */
  async function outcomeOf(bytes: Buffer | string): Promise<string> {
    const listener = net.createServer();
    onTestFinished(() => void listener.close());
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    const client = net.connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
    client.on('error', () => undefined);
    onTestFinished(() => void client.destroy());
    const [socket]: net.Socket[] = await once(listener, 'connection');
    if (socket === undefined) throw new Error('no connection');
    client.end(bytes);
    return new Promise((resolve) => {
      socket.once('close', () => resolve('closed'));
      takeProxyHeader(socket, { mayBeMissing: false }, () => resolve(socket.remoteAddress ?? ''));
    });
  }

  test('must say for whom it comes: otherwise its clients could say it themselves', async () => {
    expect(await outcomeOf('PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n\u0016')).toBe('203.0.113.9');
    expect(await outcomeOf(Buffer.from('160301', 'hex'))).toBe('closed');
  });
});
