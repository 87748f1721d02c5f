// The recipes of docs/operating.md for a proxy in front, run as they stand there with Debian's nginx and HAProxy: boards, commands and browsers
// come through, and the server knows who they are.

import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { addFirmware, rollOut, imageOf } from '../support/fleet.ts';
import { listen } from '../support/event-listener.ts';
import { ProductLine } from '../support/product-line.ts';
import { freePort, HAS_PROXIES, type ProxyKind, startProxy, WITHOUT_PROXIES } from '../support/proxy-program.ts';
import { ServerClient } from '../support/server/client.ts';
import { head, RawClient } from '../support/server/raw-client.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { codeBlocks, readDocument } from './markdown.ts';

const blocks = codeBlocks(readDocument('docs/operating.md')).filter(({ section }) => section === 'A proxy in front');

/** The one block of this language that has this text in it. */
function recipe(language: string, text: string): string {
  const found = blocks.filter((block) => block.language === language && block.text.includes(text));
  expect(found, `${language} with ${text}`).toHaveLength(1);
  return found[0]?.text ?? '';
}

/** Another address of this machine than that of the proxy. */
const CLIENT = '127.0.0.9';

interface Way {
  readonly what: string;
  readonly kind: ProxyKind;
  readonly lines: string;
  readonly settings: string;
}

const TLS_THROUGH = recipe('yaml', 'proxy_protocol');
const TLS_ENDS = recipe('yaml', 'plain_http');

const WAYS: readonly Way[] = [
  { what: 'HAProxy passes TLS through', kind: 'haproxy', lines: recipe('haproxy', 'mode tcp'), settings: TLS_THROUGH },
  { what: 'nginx passes TLS through', kind: 'nginx', lines: recipe('nginx', 'stream'), settings: TLS_THROUGH },
  { what: 'nginx ends TLS', kind: 'nginx', lines: recipe('nginx', 'ssl_certificate'), settings: TLS_ENDS },
  {
    what: 'HAProxy ends TLS',
    kind: 'haproxy',
    lines: recipe('haproxy', 'mode http'),
    settings: TLS_ENDS.replace(/plain_http:.*/, 'plain_http: unix:data/http.sock'),
  },
];

interface Behind {
  readonly server: TestServer;
  /** The same server, asked by way of the proxy. */
  readonly client: ServerClient;
}

/** With free ports and the home of the test in place of what the recipe has. */
async function startBehind({ kind, lines, settings }: Way): Promise<Behind> {
  const ports = { front: await freePort(), plain: await freePort() };
  // The port of the server itself is chosen by the test; the rest stands as it is read.
  const kept = settings.replaceAll(/^(?:host|port):.*\n/gm, '').replace('127.0.0.1:8080', `127.0.0.1:${ports.plain}`);
  const server = await startTestServer({ settings: kept });
  onTestFinished(async () => server.end());
  const [cert, key] = await Promise.all(
    ['crt', 'key'].map(async (name) => readFile(join(server.home, `data/certs/server.${name}`), 'utf8')),
  );
  await writeFile(join(server.home, 'otter.pem'), `${cert}${key}`, { mode: 0o600 });
  const here = lines
    .replaceAll('/var/lib/otter', server.home)
    .replaceAll('/etc/haproxy/otter.pem', join(server.home, 'otter.pem'))
    .replace('127.0.0.1:8444', `127.0.0.1:${server.url.port}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${ports.plain}`)
    .replace(/(bind :|listen )(?:8443|443)/, `$1${ports.front}`);
  await startProxy(kind, here, ports.front);
  const { pin, fleetToken, adminToken } = server;
  const client = new ServerClient({ url: new URL(`https://127.0.0.1:${ports.front}`), pin, fleetToken, adminToken });
  onTestFinished(() => client.agent.destroy());
  return { server, client };
}

describe.each(WAYS)('$what' + WITHOUT_PROXIES, { skip: !HAS_PROXIES }, (way) => {
  test('boards come through with their pin, their token and parts of images; commands upload', async () => {
    const { client } = await startBehind(way);
    await addFirmware(client, '1.0.0');
    await rollOut(client, '1.0.0');
    const [mac, token] = ['24:6f:28:bb:00:01', `otd_${'p'.repeat(43)}`];
    expect((await client.checkIn(mac, '1.0.0')).reason).toBe('not_in_stage');
    const enrolled = await client.json('POST', '/api/v1/enrol', { token: client.fleetToken, body: { mac, token } });
    expect(enrolled.status).toBe(200);
    const check = { mac, current_version: '1.0.0', labels: [] };
    expect((await client.json('POST', '/api/v1/check-update', { token, body: check })).status).toBe(200);
    const part = await client.fetch('GET', '/firmware/1.0.0/image.bin', {
      token: client.fleetToken,
      headers: { range: 'bytes=100-299' },
    });
    expect(part.status).toBe(206);
    expect(part.body.equals(imageOf('1.0.0').subarray(100, 300))).toBe(true);
    const whole = await client.fetch('GET', '/firmware/1.0.0/image.bin', { token: client.fleetToken });
    expect(whole.body.equals(imageOf('1.0.0'))).toBe(true);
  });

  test('the server knows who asks, whatever that one says of itself', async () => {
    const { server, client } = await startBehind(way);
    server.logged.length = 0;
    const below = net.connect({ host: '127.0.0.1', port: Number(client.url.port), localAddress: CLIENT });
    const raw = await RawClient.open(client.url, { socket: below });
    onTestFinished(() => raw.close());
    const forged = ['X-Forwarded-For: 203.0.113.99', 'Forwarded: for=203.0.113.98'];
    raw.send(head('GET /healthz HTTP/1.1', 'Host: otter', 'Connection: close', ...forged));
    expect((await raw.answer()).status).toBe(200);
    await vi.waitFor(() => {
      const addresses = server.logged.filter((line) => line.includes('"request"')).map((line) => JSON.parse(line).ip);
      expect(addresses).toEqual([CLIENT]);
    });
  });

  test('a browser logs in, and events come while they happen', async () => {
    const { client } = await startBehind(way);
    const login = await client.json('POST', '/api/v1/log-in', {
      body: { token: client.adminToken },
      headers: { origin: client.url.origin },
    });
    expect(login.status).toBe(200);
    const cookie = String(login.headers['set-cookie']).split(';', 1)[0] ?? '';
    const asked = await client.json('GET', '/api/v1/admin/status', { headers: { cookie } });
    expect(asked.status).toBe(200);
    expect((await client.fetch('GET', '/')).body.toString()).toContain('<!doctype html>');
    const stream = await listen(client);
    const line = new ProductLine(client);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
    // The stream goes on: what is heard now was not kept back until its end.
    expect((await stream.heard(1, ({ type }) => type))[0]).toBe('rollout.created');
  });
});
