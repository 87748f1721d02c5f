// The drills of docs/operating.md, pasted as they stand: what is lost (database, server, key of the certificate), and what is stolen.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startServerProcess } from '../support/server/process.ts';
import { OTTER } from '../support/otter-command.ts';
import { createKeyFiles } from '#cli/signing/key-file.ts';
import { PinnedAgent, requestPinned } from '#protocol/pinned-https.ts';
import { initHome } from '#server/home/init.ts';
import { addDevices, addFirmware, rollOut } from '../support/fleet.ts';
import { codeBlocks, readDocument } from './markdown.ts';
import { Terminal } from './pasting.ts';

const PASSPHRASE = 'four random words here';
const newDeviceToken = (): string => `otd_${randomBytes(32).toString('base64url')}`;

/** What is typed in this section. */
function blocksOf(drill: string): readonly string[] {
  return codeBlocks(readDocument('docs/operating.md'))
    .filter(({ language, section }) => language === 'sh' && section === drill)
    .map(({ text }) => text);
}

/** In the folder of a clone, npx runs this very program. */
function openTerminal(safe: string, named: Readonly<Record<string, string>>): Terminal {
  const env = { PATH: process.env['PATH'] ?? '', HOME: safe, SAFE: safe, OTTER_KEY_PASSPHRASE: PASSPHRASE, ...named };
  const [node = '', launcher = ''] = OTTER;
  const terminal = new Terminal(safe, env, `npx() { shift; '${node}' '${launcher}' "$@"; }\n`);
  onTestFinished(async () => terminal.close());
  return terminal;
}

test('the drill of docs/operating.md works as it is typed', async () => {
  const safe = await mkdtemp(join(tmpdir(), 'otter-drill-'));
  onTestFinished(async () => rm(safe, { recursive: true, force: true }));
  const [old, other] = [join(safe, 'old'), join(safe, 'new')];
  await initHome(old, { nowMs: Date.now() });
  const blocks = blocksOf('A drill');
  expect(blocks).toHaveLength(5);
  const [trial = '', lost = '', elsewhere = '', last = '', keyLost = ''] = blocks;
  const terminal = openTerminal(safe, { HOME_OLD: old, HOME_NEW: other });

  const server = await startServerProcess(old);
  await addFirmware(server, '1.0.0');
  const [mac = ''] = await addDevices(server, 1, '1.0.0');
  await terminal.run(trial);
  await server.stop();

  await terminal.run(lost);
  const again = await startServerProcess(old);
  expect(await again.admin('getDevice', { params: { device: mac } })).toMatchObject({ device: { mac } });
  await again.stop();

  expect(await terminal.run(elsewhere)).toContain(`spki:${server.pin.sha256}`);
  const moved = await startServerProcess(other);
  expect(await terminal.run(last)).toContain('nobody said which builds were blocked since');
  expect(await moved.admin('getStatus', {})).toMatchObject({ frozen: [], calls: [] });
  expect(await moved.admin('getDevice', { params: { device: mac } })).toMatchObject({ device: { mac } });
  await moved.stop();

  const [, backupPin] =
    (await terminal.run('npx otter cert show --home $HOME_OLD')).match(/backup pin +spki:(\w+)/) ?? [];
  await terminal.run(keyLost);
  const kept = await startServerProcess(old);
  expect(kept.pin.sha256).toBe(backupPin);
  // As a board that has both pins of before.
  const agent = new PinnedAgent([server.pin, kept.pin], { keepAlive: false });
  expect(await requestPinned({ method: 'GET', url: new URL('/healthz', kept.url), agent })).toMatchObject({
    status: 200,
  });
  expect(await kept.admin('getDevice', { params: { device: mac } })).toMatchObject({ device: { mac } });
  await kept.stop();
});

test('the drill for thefts works as it is typed: a board, a token, a release key, a server', async () => {
  const safe = await mkdtemp(join(tmpdir(), 'otter-theft-'));
  onTestFinished(async () => rm(safe, { recursive: true, force: true }));
  const [home, other] = [join(safe, 'home'), join(safe, 'other')];
  await initHome(home, { nowMs: Date.now() });
  const blocks = blocksOf('A drill for thefts');
  expect(blocks).toHaveLength(8);
  const [
    revoke = '',
    reenrol = '',
    rotateFleet = '',
    retireFleet = '',
    rotateAdmin = '',
    audit = '',
    key = '',
    stolenServer = '',
  ] = blocks;
  const mac = '24:6f:28:00:00:01';
  const keys = await createKeyFiles(safe, ['release', 'backup'], PASSPHRASE, { scryptLogN: 10 });
  const [release, backup] = keys;
  const terminal = openTerminal(safe, { HOME_OLD: home, HOME_NEW: other, MAC: mac, KEY_ID: release?.key_id ?? '' });

  let server = await startServerProcess(home);
  const { fleetToken, adminToken } = server;
  const check = async (token: string) =>
    (await server.json('POST', '/api/v1/check-update', { token, body: { mac, current_version: '1.0.0', labels: [] } }))
      .status;
  const enrol = async (token: string, by = fleetToken) =>
    server.json('POST', '/api/v1/enrol', { token: by, body: { mac, token } });

  // A board.
  const stolen = newDeviceToken();
  await check(fleetToken);
  await enrol(stolen);
  expect(await check(stolen)).toBe(200);
  await terminal.run(revoke);
  expect(await check(stolen)).toBe(401);
  expect((await enrol(newDeviceToken())).body).toMatchObject({ state: 'pending' });
  await terminal.run(reenrol);
  const own = newDeviceToken();
  expect((await enrol(own)).body).toMatchObject({ state: 'accepted' });
  expect(await check(own)).toBe(200);

  // The fleet token.
  await terminal.run(rotateFleet);
  await server.stop();
  server = await startServerProcess(home);
  expect(server.fleetToken).not.toBe(fleetToken);
  expect([await check(fleetToken), await check(server.fleetToken), await check(own)]).toEqual([200, 200, 200]);
  await terminal.run(retireFleet);

  // The admin token; one start for both.
  await terminal.run(rotateAdmin);
  await server.stop();
  server = await startServerProcess(home);
  expect([await check(fleetToken), await check(server.fleetToken), await check(own)]).toEqual([401, 200, 200]);
  const ask = async (token: string) => (await server.json('GET', '/api/v1/admin/status', { token })).status;
  expect([await ask(adminToken), await ask(server.adminToken)]).toEqual([401, 200]);
  expect(await terminal.run(audit)).toMatch(/device\.revoke[^]*the audit is intact/);

  // The release key.
  await addFirmware(server, '1.0.0');
  await rollOut(server, '1.0.0', 'complete');
  await terminal.run(`npx otter key trust release.pub --home ${home} --yes`);
  expect(await terminal.run(key)).toContain(backup?.key_id);
  const { items } = await server.admin('getReleaseKeys', {});
  expect(items.map(({ key_id, retired_at }) => [key_id, retired_at !== null])).toEqual(
    expect.arrayContaining([
      [release?.key_id, true],
      [backup?.key_id, false],
    ]),
  );

  // The server.
  const before = { pin: server.pin, fleetToken: server.fleetToken, adminToken: server.adminToken };
  await terminal.run(
    'npx otter cert stow $SAFE/server-backup.key.age --home $HOME_OLD && npx otter backup $SAFE/otter.tar --home $HOME_OLD',
  );
  await server.stop();
  await terminal.run(stolenServer);
  const moved = await startServerProcess(other);
  expect(moved.pin).not.toEqual(before.pin);
  expect([moved.fleetToken, moved.adminToken]).not.toEqual([before.fleetToken, before.adminToken]);
  expect((await moved.json('GET', '/api/v1/admin/status', { token: before.adminToken })).status).toBe(401);
  const asked = await moved.json('POST', '/api/v1/check-update', {
    token: own,
    body: { mac, current_version: '1.0.0', labels: [] },
  });
  expect(asked.status).toBe(200);
  await moved.stop();
});
