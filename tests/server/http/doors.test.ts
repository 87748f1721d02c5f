// Small doors, each tried: what is no request of a board or a person gets nowhere, and nothing that it brings is kept or shown.

import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { MAX_BOARD_CHANGES_PER_MIN, MAX_BOARD_REQUESTS_PER_MIN } from '#protocol/limits.ts';
import { initHome } from '#server/home/init.ts';
import { loadConfig } from '#server/config/config.ts';
import { exchange, head, RawClient } from '../../support/server/raw-client.ts';
import { expectAlive, expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ settings: 'trust_proxy: [127.0.0.1]' });
});
afterAll(async () => server.end());

describe('TLS 1.2', () => {
  test.each(['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'ECDHE-ECDSA-AES128-SHA256'])(
    '%s is refused: CBC, or SHA-1',
    async (ciphers) => {
      const old = { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` } as const;
      await expect(RawClient.open(server.url, old)).rejects.toThrow(/handshake failure/);
      await expectAlive(server);
    },
  );

  test.each(['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305'])(
    '%s is taken',
    async (ciphers) => {
      const client = await RawClient.open(server.url, { maxVersion: 'TLSv1.2', ciphers });
      expect(client.socket.getCipher().name).toBe(ciphers);
      client.close();
    },
  );
});

test.each(['a b', 'host/path', '<script>', 'otter:99999x', '[::1', 'ho\u00dft', 'x'.repeat(300), 'a@b'])(
  'a Host %j is refused',
  async (host) => {
    const lines = [`GET /api/v1/admin/status HTTP/1.1`, `Host: ${host}`, 'Connection: close'];
    await expectRefusal(server, await exchange(server.url, head(...lines)), 'request_malformed');
  },
);

test.each(['', 'otter', 'otter_1.lan:8443', '192.168.1.20', '[::1]:8443', 'OTTER.local.'])(
  'a Host %j is taken',
  async (host) => {
    const lines = [`GET /healthz HTTP/1.1`, `Host: ${host}`, 'Connection: close'];
    expect((await exchange(server.url, head(...lines))).status).toBe(200);
  },
);

test.each(['01:00:5e:00:00:01', '33:33:00:00:00:01', 'ff:ff:ff:ff:ff:ff', '25:6F:28:AA:BB:CC', '00:00:00:00:00:00'])(
  'no board has the address %s: it is that of a group, or of nobody',
  async (mac) => {
    const { status, body } = await server.device('check-update', { mac, current_version: '1.0.0', labels: [] });
    expect([status, body['error']]).toMatchObject([400, { code: 'mac_reserved' }]);
  },
);

test('an address that a proxy forwards is believed only where it is one', async () => {
  const logged = async (forwarded: string): Promise<string> => {
    server.logged.length = 0;
    await server.fetch('GET', '/healthz', { headers: { 'x-forwarded-for': forwarded } });
    const line: { ip: string } = JSON.parse(server.logged.find((one) => one.includes('"request"')) ?? '{}');
    return line.ip;
  };
  expect(await logged('203.0.113.9')).toBe('203.0.113.9');
  expect(await logged('2001:db8::7')).toBe('2001:db8::7');
  for (const text of ['<b>me</b>', 'not-an-address', '203.0.113.999', '127.0.0.1; rm', '203.0.113.9:80'])
    expect(await logged(text), text).toBe('127.0.0.1');
});

test('a token that somebody typed into a path is in no log and in no answer', async () => {
  server.logged.length = 0;
  await server.fetch('GET', `/firmware/${server.adminToken}/1.0.0`);
  const { body } = await server.json('GET', `/${server.fleetToken}`);
  expect(body).toMatchObject({ error: { message: expect.stringContaining('(token)') } });
  const lines = server.logged.join('');
  expect(lines).toContain('(token)');
  for (const token of [server.adminToken, server.fleetToken]) expect(lines).not.toContain(token.slice(4));
});

test('whoever speaks for a board is heard at the rate of a board, and one who makes noise in its name does not use that up', async () => {
  const [mac, token] = ['24:6f:28:cc:00:01', `otd_${'b'.repeat(43)}`];
  const body = { mac, current_version: '1.0.0', labels: [] };
  const check = async (by: string) => server.json('POST', '/api/v1/check-update', { token: by, body });
  await check(server.fleetToken);
  await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } });
  const statuses = new Map<number, number>();
  let waitS = '';
  // Until the bound is met: on a machine that has other things to do, it fills again meanwhile.
  for (let sent = 0; sent < 20 * MAX_BOARD_CHANGES_PER_MIN && (statuses.get(429) ?? 0) < 20; sent += 1) {
    const { status, headers } = await server.device('report-status', {
      mac,
      assignment_id: 1,
      sequence: sent,
      status: 'failed',
    });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    waitS = headers['retry-after'] ?? waitS;
  }
  expect(statuses.get(429)).toBe(20);
  expect(Number(waitS)).toBeGreaterThan(0);
  expect((await check(token)).status, 'the board itself').toBe(200);
  expect((await server.checkIn('24:6f:28:cc:00:02', '1.0.0')).reason, 'and every other').toBe('nothing_to_offer');
});

test('with the token of one board so many requests are heard, also those that change nothing; others go on', async () => {
  const [mac, token] = ['24:6f:28:cc:00:03', `otd_${'c'.repeat(43)}`];
  await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } });
  const body = { mac, current_version: '1.0.0', labels: [] };
  const ask = async (what: string | typeof body, by = token) =>
    server.json('POST', '/api/v1/check-update', { token: by, body: what });
  /** Until the bound is met: on a machine that has other things to do, it fills again meanwhile. */
  async function flood(what: string | typeof body) {
    let heard = 0;
    for (let sent = 0; sent < 20 * MAX_BOARD_REQUESTS_PER_MIN; sent += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, async () => ask(what)));
      heard += answers.filter(({ status }) => status !== 429).length;
      const refused = answers.find(({ status }) => status === 429);
      if (refused !== undefined) return { heard, refused };
    }
    throw new Error(`all ${heard} were heard`);
  }
  const { heard, refused } = await flood(body);
  expect(heard).toBeGreaterThanOrEqual(MAX_BOARD_REQUESTS_PER_MIN);
  expect(refused.body).toMatchObject({ error: { code: 'too_many_requests' } });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(60);
  await flood('{"mac": what is refused before its body is read');
  expect((await ask(body, server.fleetToken)).status, 'the fleet token').toBe(200);
});

describe('the configuration', () => {
  async function newHome(): Promise<string> {
    const home = await mkdtemp(join(tmpdir(), 'otter-doors-'));
    onTestFinished(async () => rm(home, { recursive: true }));
    await initHome(home, { nowMs: Date.now() });
    return home;
  }

  test.runIf(process.platform !== 'win32').each(['config/server.yml', 'config/schedules.yaml', 'config/plans.yaml'])(
    '%s that every user may change is refused',
    async (file) => {
      const home = await newHome();
      await chmod(join(home, file), 0o646);
      expect(() => loadConfig({ home, env: {} })).toThrow(/can be changed by every user of this machine.*chmod o-w/s);
    },
  );

  test('the password in an address of a webhook is not shown by the refusal', async () => {
    const home = await newHome();
    const file = join(home, 'config/server.yml');
    const webhook = `webhooks: [{name: x, url: "https://me:hunter22@hooks.example.com/x", secret: {file: x}}]`;
    await writeFile(file, `${await readFile(file, 'utf8')}\n${webhook}\n`);
    const refusal = (): unknown => loadConfig({ home, env: {} });
    expect(refusal).toThrow(/hooks\.example\.com/);
    expect(refusal).not.toThrow(/hunter22/);
  });
});
