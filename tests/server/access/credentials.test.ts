// What is changed on the machine of the server, by commands that ask no server, is told in the audit by the server itself.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findBackupKey } from '#server/home/backup-key.ts';
import { formatPin } from '#protocol/pinned-https.ts';
import { openPostgres } from '#server/db/postgres.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import { Credentials } from '#server/service/access/credentials.ts';
import { runOtter } from '../../support/otter-command.ts';
import { BOTH, type Dialect } from '../../support/scope.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';

const env = { OTTER_KEY_PASSPHRASE: 'four random words here' };

describe.each(BOTH)('the audit of a server on %s', (dialect: Dialect) => {
  let server: TestServer;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'otter-credentials-'));
    onTestFinished(async () => rm(folder, { recursive: true }));
    server = await startTestServer({ dialect });
    onTestFinished(async () => server.end());
  });

  /** A command on the machine of the server. */
  async function otter(...args: readonly string[]): Promise<void> {
    const run = await runOtter(folder, [...args, '--json', '--home', server.home], { env, cwd: folder });
    expect(run, args.join(' ')).toMatchObject({ exitCode: 0 });
  }

  async function restart(): Promise<void> {
    await server.stop();
    server = await startTestServer({ like: server });
  }

  const told = async (): Promise<readonly string[]> =>
    (await server.admin('listAudit', {})).items.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`);

  test('tells of another key, another backup key, another certificate: when the server starts with it, once', async () => {
    const backup = findBackupKey(server.home)?.pin ?? '';
    const before = formatPin(server.pin);
    await server.stop();
    await otter('cert', 'rotate', 'finish', '--strand', '--yes');
    const next = findBackupKey(server.home)?.pin ?? '';
    server = await startTestServer({ like: server });
    expect(await told()).toEqual([`file cert.backup ${next}`, `file cert.rotate ${backup}`]);
    expect((await server.admin('listAudit', {})).items[1]).toMatchObject({ details: { before } });
    await restart();
    expect(await told(), 'once').toHaveLength(2);

    await otter('cert', 'renew', '--host', 'localhost', '127.0.0.1');
    await server.tick();
    expect(await told(), 'it does not show it yet').toHaveLength(2);
    await restart();
    expect((await told())[0]).toMatch(/^file cert\.renew [0-9A-F:]{95}$/);
  });

  test('tells of a backup key that is put away or replaced while the server runs', async () => {
    const backup = findBackupKey(server.home)?.pin ?? '';
    await otter('cert', 'stow', 'away.key.age');
    await vi.waitFor(async () => {
      await server.tick();
      expect(await told()).toEqual([`file cert.stow ${backup}`]);
    });
    await otter('cert', 'backup', '--replace', '--yes');
    await server.tick();
    expect((await told())[0]).toBe(`file cert.backup ${findBackupKey(server.home)?.pin}`);
    await server.tick();
    expect(await told()).toHaveLength(2);
  });

  test('tells that tokens were replaced and retired, and not one sign of them', async () => {
    await otter('token', 'rotate', 'fleet');
    await otter('token', 'rotate', 'admin');
    await restart();
    expect((await told()).toSorted()).toEqual(['file token.rotate admin', 'file token.rotate fleet']);
    await otter('token', 'retire', 'fleet', '--yes');
    await restart();
    expect((await told())[0]).toBe('file token.retire former fleet');
    const { items } = await server.admin('listAudit', {});
    expect(items.map(({ details }) => details)).toEqual([{}, {}, {}]);
  });

  test('tells once of what several servers of one database see', async () => {
    const facts = (pin: string) => ({
      pin,
      certificate: 'one',
      adminToken: 'a',
      fleetToken: 'f',
      formerFleetToken: undefined,
      backupKey: () => undefined,
    });
    await server.stop();
    const database =
      dialect === 'sqlite'
        ? await openSqlite(join(server.home, 'data/otter.db'), { home: server.home, onNote: () => {} })
        : await openPostgres(server.databaseUrl, { onWait: () => {} });
    onTestFinished(async () => database.close());
    const tick = async (pin: string): Promise<unknown> =>
      Promise.all(
        Array.from({ length: 4 }, async () =>
          new Credentials(database, pino({ level: 'silent' }), facts(pin)).tick(START_MS),
        ),
      );
    for (const pin of ['x', 'y', 'y', 'x']) await tick(pin);
    const rows = await database.read.selectFrom('audit').select(['action', 'subject']).orderBy('number').execute();
    expect(rows.filter(({ action }) => action === 'cert.rotate').map(({ subject }) => subject)).toEqual([
      'x',
      'y',
      'x',
    ]);
  });
});
