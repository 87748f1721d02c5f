// Browsers log in over the real wire: what opens a session, what the cookie is, which requests it speaks for, and when it ends.

import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { MAX_SESSIONS, LOGIN_LINK_MS, SESSION_IDLE_MS, SESSION_LONGEST_MS } from '#protocol/limits.ts';
import { logIn, type LoginLink, type Session } from '#protocol/sessions.ts';
import { addFirmware, rollOut } from '../../support/fleet.ts';
import { runOtter } from '../../support/otter-command.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PATH = '/api/v1/admin/labels';

describe.each(BOTH)('sessions on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  afterAll(async () => server.end());

  const origin = (): string => server.url.origin;
  const browser = () => ({ origin: origin(), 'user-agent': 'Test Browser' });

  /** Resolves with the cookie. */
  async function open(body: unknown = { token: server.adminToken }): Promise<string> {
    const answer = await server.json('POST', logIn.path, { body, headers: browser() });
    expect(answer.status).toBe(200);
    return cookieOf(answer.headers['set-cookie']);
  }

  const ask = async (cookie: string, method = 'GET', path = PATH, headers: Record<string, string> = browser()) =>
    server.json(method, path, {
      headers: { ...headers, cookie },
      ...(method === 'POST' ? { body: { name: `label-${labels++}` } } : {}),
    });
  let labels = 0;

  test('the admin token becomes a cookie that no script reads, and it opens the admin API', async () => {
    const answer = await server.json('POST', logIn.path, { body: { token: server.adminToken }, headers: browser() });
    expect(answer.body).toMatchObject({ opened_by: 'token', browser: 'Test Browser', own: true });
    const [cookie = ''] = [answer.headers['set-cookie']].flat();
    expect(cookie).toMatch(/^__Host-otter-\d+=[\w-]{43}; Max-Age=604800; Path=\/; Secure; HttpOnly; SameSite=Strict$/);
    expect(JSON.stringify(answer.body)).not.toContain(cookieOf(cookie).split('=')[1]);
    expect((await ask(cookieOf(cookie))).status).toBe(200);
    expect((await ask(cookieOf(cookie), 'POST')).status).toBe(201);
    const { items } = await server.admin('listAudit', { query: { action: 'label.create', limit: '1' } });
    expect(items[0]?.actor).toBe(`session:${String(answer.body['id'])}`);
  });

  test.each([
    ['another token', { token: 'x'.repeat(43) }, 401, 'token_invalid'],
    ['no token', {}, 400, 'field_invalid'],
    ['an empty one', { token: '' }, 401, 'token_invalid'],
    ['a code that nobody made', { code: 'x'.repeat(32) }, 401, 'link_used'],
  ])('%s opens nothing', async (_, body, status, code) => {
    const answer = await server.json('POST', logIn.path, { body, headers: browser() });
    expect(answer).toMatchObject({ status, body: { error: { code } } });
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  test('the fleet token is told to be the wrong one', async () => {
    const answer = await server.json('POST', logIn.path, { body: { token: server.fleetToken } });
    expect(answer).toMatchObject({ status: 401, body: { error: { message: expect.stringContaining('fleet token') } } });
  });

  test('a form of another site cannot log a browser in', async () => {
    const foreign = { origin: 'https://evil.example' };
    const body = { token: server.adminToken };
    expect(await server.json('POST', logIn.path, { body, headers: foreign })).toMatchObject({
      status: 403,
      body: { error: { code: 'origin_foreign' } },
    });
    const asForm = { 'content-type': 'text/plain' };
    expect((await server.json('POST', logIn.path, { body: JSON.stringify(body), headers: asForm })).status).toBe(415);
  });

  test('a changing request needs the origin of this server, a reading one does not', async () => {
    const cookie = await open();
    const other = `https://${server.url.hostname}:1`;
    const foreign: readonly Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: other },
      {},
    ];
    for (const headers of foreign)
      expect(await ask(cookie, 'POST', PATH, headers)).toMatchObject({
        status: 403,
        body: { error: { code: 'origin_foreign' } },
      });
    expect((await ask(cookie, 'GET', PATH, {})).status).toBe(200);
  });

  test('the cookie opens no address of boards, and a token that is sent wins over it', async () => {
    const cookie = await open();
    const body = { mac: '24:6f:28:00:00:01', current_version: '1.0.0', labels: [] };
    expect(await server.json('POST', '/api/v1/check-update', { body, headers: { cookie } })).toMatchObject({
      status: 401,
      body: { error: { code: 'token_missing' } },
    });
    expect(await server.json('GET', PATH, { token: server.fleetToken, headers: { cookie } })).toMatchObject({
      status: 403,
      body: { error: { code: 'wrong_scope' } },
    });
  });

  test('a link opens one session, and ends by itself', async () => {
    const link = await server.admin('createLoginLink', { body: {} });
    const body = { code: link.path.split('#')[1] };
    await open(body);
    expect(await server.json('POST', logIn.path, { body })).toMatchObject({
      status: 401,
      body: { error: { code: 'link_used' } },
    });
    const late = { code: (await server.admin('createLoginLink', { body: {} })).path.split('#')[1] };
    server.clock.advance(LOGIN_LINK_MS / 1000);
    expect((await server.json('POST', logIn.path, { body: late })).status).toBe(401);
  });

  test('a session ends when it was not used for long, and in any case after its longest time', async () => {
    const idle = await open();
    server.clock.advance(SESSION_IDLE_MS / 1000);
    const answer = await ask(idle);
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'session_ended' } } });
    expect(cookieOf(answer.headers['set-cookie'])).toBe(`__Host-otter-${server.url.port}=`);
    const used = await open();
    for (let passedMs = 0; passedMs < SESSION_LONGEST_MS; passedMs += SESSION_IDLE_MS / 2) {
      expect((await ask(used)).status).toBe(200);
      server.clock.advance(SESSION_IDLE_MS / 2000);
    }
    expect((await ask(used)).status).toBe(401);
  });

  test('a session is listed without its secret, and ends at once when it is revoked', async () => {
    const [mine, other] = [await open(), await open()];
    const { items } = (await ask(mine, 'GET', '/api/v1/admin/sessions')).body as unknown as { items: Session[] };
    expect(items.filter(({ own }) => own)).toHaveLength(1);
    expect(JSON.stringify(items)).not.toContain(mine.split('=')[1]);
    const own = items.find((session) => session.own);
    const command = async (...words: string[]) => runOtter(server.home, ['session', ...words]);
    expect(await command('list')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(own?.id ?? '?') });
    expect(await command('revoke', own?.id ?? '')).toMatchObject({ exitCode: 0 });
    expect((await ask(mine)).status).toBe(401);
    expect((await ask(other, 'DELETE', '/api/v1/admin/sessions/own')).status).toBe(200);
    expect((await ask(other)).status).toBe(401);
    const more = [await open(), await open()];
    expect(await command('revoke')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--all') });
    expect(await command('revoke', '--all')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('are over'),
    });
    for (const cookie of more) expect((await ask(cookie)).status).toBe(401);
    expect(await server.tryAdmin('revokeSession', { params: { session: 'own' } })).toMatchObject({ status: 404 });
  });

  test('an event stream ends with its session', async () => {
    const cookie = await open();
    const stream = server.fetch('GET', '/api/v1/admin/events', { headers: { cookie } });
    await ask(cookie, 'DELETE', '/api/v1/admin/sessions/own');
    await addFirmware(server, '1.0.0');
    // An event that it must not tell; without an end it would go on for ever.
    await rollOut(server, '1.0.0', 'draft');
    expect((await stream).status).toBe(200);
  });

  test('there are only so many: the one that was not used for the longest time goes', async () => {
    const first = await open();
    server.clock.advance(60);
    for (let count = 0; count < MAX_SESSIONS; count += 1) await open();
    expect((await ask(first)).status).toBe(401);
    expect((await server.admin('getSessions')).items).toHaveLength(MAX_SESSIONS);
  });

  test('otter dashboard prints a link that works once', async () => {
    const { stdout, exitCode } = await runOtter(server.home, ['dashboard', '--json']);
    expect(exitCode).toBe(0);
    const { url } = JSON.parse(stdout) as { url: string } & LoginLink;
    expect(url).toMatch(new RegExp(`^https://localhost:${server.url.port}/log-in#`));
    await open({ code: url.split('#')[1] });
  });
});

test.each(BOTH)(
  'what was opened under an admin token ends with it: sessions, and links that nobody used yet; %s',
  async (dialect) => {
    const server = await startTestServer({ dialect });
    const answer = await server.json('POST', logIn.path, { body: { token: server.adminToken } });
    const cookie = cookieOf(answer.headers['set-cookie']);
    const links = [
      await server.admin('createLoginLink', { body: {} }),
      await server.admin('createLoginLink', { body: {} }),
    ];
    const [spent = '', left = ''] = links.map(({ path }) => path.split('#')[1] ?? '');
    await server.stop();
    const visit = async (at: TestServer, code: string) => ({
      session: (await at.json('GET', PATH, { headers: { cookie: cookie.replace(/\d+=/, `${at.url.port}=`) } })).status,
      link: (await at.json('POST', logIn.path, { body: { code } })).status,
    });

    const env = { OTTER_ADMIN_TOKEN: `ota_${randomBytes(32).toString('base64url')}` };
    const changed = await startTestServer({ like: server, env });
    expect(await visit(changed, spent)).toEqual({ session: 401, link: 401 });
    await changed.stop();

    const same = await startTestServer({ like: server });
    onTestFinished(async () => same.end());
    expect(await visit(same, left), 'with the token under which they were opened').toEqual({ session: 200, link: 200 });
  },
);

test('two servers on one host: a browser sends the cookies of both to each, and stays in both', async () => {
  const servers = [await startTestServer(), await startTestServer()] as const;
  const cookies: string[] = [];
  for (const server of servers) {
    const headers = { cookie: cookies.join('; ') };
    const answer = await server.json('POST', logIn.path, { body: { token: server.adminToken }, headers });
    cookies.push(cookieOf(answer.headers['set-cookie']));
  }
  const headers = { cookie: cookies.join('; ') };
  for (const server of servers) expect((await server.json('GET', PATH, { headers })).status).toBe(200);
  for (const server of servers) await server.end();
});

test('the database holds no secret that opens a session', async () => {
  const server = await startTestServer();
  const answer = await server.json('POST', logIn.path, { body: { token: server.adminToken } });
  const secret = cookieOf(answer.headers['set-cookie']).split('=')[1] ?? '?';
  const { path } = await server.admin('createLoginLink', { body: {} });
  const database = new DatabaseSync(join(server.home, 'data/otter.db'), { readOnly: true });
  const rows = ['sessions', 'login_links', 'audit'].map((name) => database.prepare(`select * from ${name}`).all());
  database.close();
  expect(JSON.stringify(rows)).not.toContain(secret);
  expect(JSON.stringify(rows)).not.toContain(path.split('#')[1]);
  expect(server.logged.join('\n')).not.toContain(secret);
  await server.end();
});

function cookieOf(header: string | readonly string[] | undefined): string {
  return String([header].flat()[0]).split(';')[0] ?? '';
}
