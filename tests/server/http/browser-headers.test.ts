// What a browser is told with each kind of answer, and when it is told never to come without TLS again.

import { createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { initHome } from '#server/home/init.ts';
import { issueByAuthority } from '../../certs/issue.ts';
import { RawClient } from '../../support/server/raw-client.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => server.end());

describe.each([
  ['the admin API', 'GET', '/api/v1/admin/status', 200],
  ['a refusal of the admin API', 'GET', '/api/v1/admin/devices/none', 404],
  ['the log-in', 'POST', '/api/v1/log-in', 415],
  ['a health check', 'GET', '/healthz', 200],
  ['the dashboard', 'GET', '/', 200],
  ['a screen of the dashboard', 'GET', '/rollouts', 200],
  ['a file of the dashboard that is not there', 'GET', '/assets/none.js', 404],
  ['the documents', 'GET', '/docs/', 200],
  ['the document of the API', 'GET', '/openapi.json', 200],
  ['a redirect', 'GET', '/docs', 301],
  ['nothing', 'GET', '/nothing-here', 404],
  ['a bad escape', 'GET', '/%zz', 400],
  ['another method', 'DELETE', '/healthz', 405],
  ['a refusal of a board', 'POST', '/api/v1/check-update', 403],
  ['an address of boards, opened in a browser', 'GET', '/api/v1/check-update', 405],
] as const)('%s', (_, method, path, status) => {
  test('guesses no type, and may not be framed', async () => {
    const answer = await server.fetch(method, path, { token: server.adminToken, body: method === 'POST' ? 'x' : '' });
    expect([answer.status, answer.headers['x-content-type-options']]).toEqual([status, 'nosniff']);
    expect(String(answer.headers['content-security-policy'])).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(answer.headers['strict-transport-security']).toBeUndefined();
  });
});

test('a board pays for none of it', async () => {
  const { headers } = await server.device('check-update', {
    mac: '24:6f:28:ee:00:01',
    current_version: '1.0.0',
    labels: [],
  });
  expect(Object.keys(headers)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/policy|sniff|strict-transport/)]),
  );
});

test('with a certificate of an authority browsers are told to come with TLS alone, boards are not', async () => {
  const home = await mkdtemp(join(tmpdir(), 'otter-test-'));
  onTestFinished(async () => rm(home, { recursive: true, force: true }));
  await initHome(home, { nowMs: START_MS });
  const key = createPublicKey(await readFile(join(home, 'data/certs/server.key'), 'utf8'));
  const pem = key.export({ type: 'spki', format: 'pem' }).toString();
  await writeFile(join(home, 'data/certs/server.crt'), await issueByAuthority(pem));
  const signed = await startTestServer({
    like: { home, clock: server.clock, databaseUrl: 'sqlite:data/otter.db' },
  });
  onTestFinished(async () => signed.stop());
  expect(signed.pin, 'another certificate for another key').not.toEqual(server.pin);
  for (const path of ['/', '/docs/', '/healthz', '/nothing-here']) {
    const { headers } = await signed.fetch('GET', path);
    expect(headers['strict-transport-security'], path).toMatch(/^max-age=\d{7,}$/);
  }
  const board = await signed.device('check-update', { mac: '24:6f:28:ee:00:02', current_version: '1.0.0', labels: [] });
  expect(board.headers['strict-transport-security']).toBeUndefined();
});

test('the connection of a browser is kept when that of a board is closed', async () => {
  const ask = 'GET /healthz HTTP/1.1\r\nHost: otter\r\n';
  const [browser, board] = [await RawClient.open(server.url), await RawClient.open(server.url)];
  onTestFinished(() => browser.close());
  browser.send(`${ask}Sec-Fetch-Mode: cors\r\n\r\n`);
  expect((await browser.answer()).status).toBe(200);
  board.send(`${ask}\r\n`);
  expect((await board.answer()).status).toBe(200);
  expect((await board.rest(60_000)).ending).toBe('ended');
  browser.send(`${ask}Sec-Fetch-Mode: cors\r\n\r\n`);
  expect((await browser.answer()).status).toBe(200);
});
