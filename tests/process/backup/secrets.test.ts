// Secrets that were given to a server and its commands stand where they have to, and nowhere else: in no log, answer, event, entry of the
// audit, error or listing, and not in the database. What every other test server looks for by itself: tests/support/server/secrets.ts.

import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { adminRoutes, type AdminRouteName } from '#protocol/admin/routes.ts';
import { addDevices, addFirmware, mac, rollOut } from '../../support/fleet.ts';
import { runOtter } from '../../support/otter-command.ts';
import { BOTH, DIALECTS } from '../../support/scope.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { Secrets } from '../../support/server/secrets.ts';
import { startTestServer } from '../../support/server/server.ts';
import { newFolder } from './homes.ts';

const canary = (prefix: string): string => `${prefix}${randomBytes(24).toString('hex')}`;

/** Commands that are there to show a secret to whoever may have it. */
const SHOWING = new Set<AdminRouteName>(['getBoardSettings', 'createLoginLink']);

test.each(DIALECTS)('eight secrets are in nothing that a server on %s says, writes down or lists', async (dialect) => {
  const [address, secret, passphrase] = [canary('pw'), canary('wh'), canary('age')];
  const settings = `webhooks: [{name: ci, url: "https://127.0.0.1:9/hook/${address}", secret: {value: ${secret}}, allow_private: true}]`;
  const server = await startTestServer({ dialect, settings });
  onTestFinished(async () => server.end());
  const token = canary('').slice(0, 43);
  const key = (await readFile(join(server.home, 'data/certs/server.key'), 'utf8')).split('\n')[1] ?? '';
  const said: string[] = [];

  await addDevices(server, 2, '1.0.0');
  await addFirmware(server, '1.1.0');
  await rollOut(server, '1.1.0', 'expand');
  const log = await server.fetch('POST', '/api/v1/log-in', {
    headers: { origin: server.url.origin, 'content-type': 'application/json' },
    body: JSON.stringify({ token: server.adminToken }),
  });
  const cookie = /=([\w.-]{20,})/.exec(String(log.headers['set-cookie']))?.[1] ?? '';
  expect(cookie, JSON.stringify(log.headers)).not.toBe('');
  const enrolled = await server.json('POST', '/api/v1/enrol', {
    token: server.fleetToken,
    body: { mac: mac(1), token: `otd_${token}` },
  });
  expect(enrolled.body).toEqual({ state: 'accepted' });

  // Every route that reads, with what it needs and with what it refuses.
  const names = Object.keys(adminRoutes) as AdminRouteName[];
  for (const name of names.filter((one) => adminRoutes[one].method === 'GET' && !SHOWING.has(one)))
    for (const value of [mac(1), '1.1.0', 'default', server.adminToken, `otd_${token}`]) {
      const params = Object.fromEntries(
        [...adminRoutes[name].path.matchAll(/:(\w+)/g)].map(([, part = '']) => [part, value]),
      );
      said.push(JSON.stringify((await server.tryAdmin(name, { params })).body));
    }
  // And what is refused for its token, on every side.
  for (const path of ['/api/v1/check-update', '/api/v1/admin/status', '/firmware/1.1.0/image.bin', '/nothing'])
    for (const sent of [`otd_${token}`, server.fleetToken, server.adminToken, cookie, secret])
      said.push((await server.fetch('GET', path, { token: sent })).body.toString());

  // A delivery that fails says why.
  await server.tick();
  await vi.waitFor(async () => {
    await server.tick();
    expect(JSON.stringify(await server.admin('getWebhooks'))).toMatch(/refused|ECONN|fail/i);
  });
  said.push(JSON.stringify(await server.admin('getWebhooks')));

  const folder = await newFolder();
  const phraseFile = join(folder, 'phrase');
  await writeFile(phraseFile, `${passphrase}\n`, { mode: 0o600 });
  const [file, wrong] = [join(folder, 'otter.tar'), join(folder, 'wrong')];
  await writeFile(wrong, `${canary('not')}\n`, { mode: 0o600 });
  const env = { OTTER_DATABASE: server.databaseUrl };
  const where = ['--server', server.url.origin, '--pin', `spki:${server.pin.sha256}`, '--token', server.adminToken];
  for (const command of [
    ['backup', file, '--passphrase-file', phraseFile, '--home', server.home],
    ['backup', `${file}.plain`, '--home', server.home],
    ['restore', file, '--passphrase-file', wrong, '--none-blocked', '--home', join(folder, 'home')],
    ['restore', file, '--passphrase-file', phraseFile, '--none-blocked', '--home', server.home],
    ['status', ...where],
    ['audit', ...where],
    ['session', 'list', ...where],
    ['notify', 'webhooks', ...where],
    ['device', 'show', mac(1), ...where],
    ['device', 'show', `otd_${token}`, ...where],
    ['status', ...where.slice(0, 4), '--token', `${server.adminToken}x`],
  ])
    for (const more of [[], ['--json']]) {
      const { stdout, stderr } = await runOtter(folder, [...command, ...more], { env });
      said.push(stdout, stderr);
    }
  await server.stop();
  said.push(...server.logged);

  const all = said.join('\n');
  const secrets = {
    'the admin token': server.adminToken.slice(4),
    'the fleet token': server.fleetToken.slice(4),
    'a device token': token,
    'the private key': key,
    'the cookie of a session': cookie,
    'the path of a webhook': address,
    'the secret of a webhook': secret,
    'the passphrase of a backup': passphrase,
  };
  for (const [what, text] of Object.entries(secrets)) {
    // The database is looked through for those, too, when the server ends.
    server.addSecret(what, text);
    expect(text.length, what).toBeGreaterThan(20);
    expect(
      all.indexOf(text.slice(0, 20)),
      `${what}: ${all.slice(Math.max(0, all.indexOf(text.slice(0, 20)) - 300)).slice(0, 400)}`,
    ).toBe(-1);
  }
});

test.each(BOTH)('in a database on %s a secret is found as text, in JSON and as bytes', async (dialect) => {
  const server = await startTestServer({ dialect });
  onTestFinished(async () => server.end());
  await server.stop();
  for (const type of ['text', dialect === 'postgres' ? 'jsonb' : 'json', dialect === 'postgres' ? 'bytea' : 'blob']) {
    const [secrets, secret] = [new Secrets(), canary('')];
    secrets.add('a canary', secret);
    await secrets.expectNotInDatabase(server);
    const raw = await openRaw(server, { writes: true });
    await raw.query(`create table in_${type} (id int, kept ${type})`);
    const literal = type.startsWith('json') ? `{"deep": ["${secret}"]}` : `before ${secret} after`;
    await raw.query(
      `insert into in_${type} values (1, ${type === 'blob' ? `cast('${literal}' as blob)` : `'${literal}'`})`,
    );
    await raw.close();
    await expect(secrets.expectNotInDatabase(server)).rejects.toThrow(
      dialect === 'postgres' ? `a canary stands in the table in_${type}: ` : 'a canary stands in the database: ',
    );
  }
});
