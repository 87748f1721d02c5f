// The audit is a chain: whatever is taken out of it, changed or moved is found and named; over real HTTPS on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { AuditVerification } from '#protocol/admin/audit.ts';
import { openRaw } from '../../support/server/raw-database.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const ENTRIES = 6;

describe.each(BOTH)('the audit on %s', (dialect) => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startTestServer({ dialect });
    for (let index = 1; index <= ENTRIES; index += 1)
      await server.admin('createLabel', { body: { name: `shop-${index}`, description: 'Grüße, "Berlin"' } });
    return async () => server.end();
  });

  const verify = async (): Promise<AuditVerification> => server.admin('verifyAudit');

  /** Somebody with the password of the database. */
  async function tamper(...statements: readonly string[]): Promise<void> {
    const raw = await openRaw(server, { writes: true });
    for (const statement of statements) await raw.query(statement);
    await raw.close();
  }

  test('is intact as long as Otter alone writes it', async () => {
    expect(await verify()).toMatchObject({
      intact: true,
      entries: ENTRIES,
      last_number: ENTRIES,
      last_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      checkpoint: { entries: 0, at: null },
      faults: [],
    });
  });

  test.each([
    ['one', 'number = 3', 3, 'entry 3 was removed'],
    ['the first ones', 'number <= 2', 1, 'entries 1 to 2 were removed'],
    ['the last one', 'number = 6', 6, 'entry 6 was removed'],
    ['all of them', 'true', 1, 'entries 1 to 6 were removed'],
  ])('says which are gone: %s', async (_, where, number, text) => {
    await tamper(`delete from audit where ${where}`);
    expect(await verify()).toMatchObject({ intact: false, faults: [{ kind: 'removed', number, id: null, text }] });
  });

  test.each(["actor = 'nobody'", "subject = 'shop-9'", 'details = \'{"a":1}\'', 'at_ms = at_ms + 1', "action = ''"])(
    'says which was changed: %s',
    async (change) => {
      await tamper(`update audit set ${change} where number = 4`);
      const { faults, intact } = await verify();
      expect({ intact, kinds: faults.map(({ kind, number }) => [kind, number]) }).toEqual({
        intact: false,
        kinds: [['changed', 4]],
      });
    },
  );

  test('says that the last was changed, or its hash', async () => {
    await tamper(`update audit set subject = 'shop-9' where number = 6`);
    expect(await verify()).toMatchObject({ faults: [{ kind: 'changed', number: 6 }] });
    await tamper(`update audit set subject = 'shop-6', hash = '${'a'.repeat(64)}' where number = 6`);
    expect(await verify()).toMatchObject({ faults: [{ kind: 'changed', number: 6 }] });
  });

  test('says which was moved', async () => {
    await tamper(
      'update audit set number = -1 where number = 2',
      'update audit set number = 2 where number = 5',
      'update audit set number = 5 where number = -1',
    );
    const { faults } = await verify();
    expect(faults.some(({ kind, number }) => kind === 'moved' && number === 3)).toBe(true);
    expect(faults.some(({ number }) => number === 2)).toBe(true);
  });

  test('says which was put in', async () => {
    await tamper(`insert into audit (at_ms, actor, action, subject, details, number, hash)
      select at_ms, actor, action, subject, details, 7, hash from audit where number = 6`);
    expect(await verify()).toMatchObject({ intact: false, faults: [{ kind: 'added', number: 7 }] });
  });

  test('names what was removed also when entries were added since', async () => {
    await tamper('delete from audit where number >= 5');
    for (const name of ['one-more', 'another']) await server.admin('createLabel', { body: { name } });
    const { faults } = await verify();
    expect(faults).toMatchObject([{ kind: 'removed', number: 5, text: 'entries 5 to 6 were removed' }]);
  });

  test('goes on after a restart', async () => {
    await server.stop();
    server = await startTestServer({ like: server });
    await server.admin('createLabel', { body: { name: 'later' } });
    expect(await verify()).toMatchObject({ intact: true, last_number: ENTRIES + 1 });
  });
});

describe('the audit of two servers on one PostgreSQL', () => {
  let one: TestServer;
  let other: TestServer;
  beforeAll(async () => {
    one = await startTestServer({ dialect: 'postgres' });
    other = await startTestServer({ env: { OTTER_DATABASE: one.databaseUrl } });
  });
  afterAll(async () => {
    await other.end();
    await one.end();
  });

  test('is one chain, whatever both do at once', async () => {
    const device = '24:6f:28:00:00:01';
    await one.checkIn(device, '1.0.0');
    // The other one has a key and tokens of its own here, which is told.
    const { entries: before } = await one.admin('verifyAudit');
    const work = Array.from({ length: 24 }, (_, index) => {
      const at = index % 2 === 0 ? one : other;
      return index % 3 === 0
        ? at.admin('createLabel', { body: { name: `label-${index}` } })
        : at.admin('clearKnownBad', { params: { device } });
    });
    await Promise.all(work);
    expect(await one.admin('verifyAudit')).toMatchObject({
      intact: true,
      entries: before + 24,
      last_number: before + 24,
    });
    const raw = await openRaw(one);
    onTestFinished(async () => raw.close());
    const rows = await raw.query('select id, number from audit order by id');
    expect(rows.map(({ number }) => Number(number))).toEqual(rows.map((_, index) => index + 1));
  });
});
