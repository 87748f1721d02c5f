// Schedules from config/schedules.yaml: taken in at start and when the file changes, without a restart. Real edits of a
// real file, on both databases.

import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { DIALECTS } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

/** The file is polled each second. */
const POLLING = { timeout: 15_000, interval: 200 };

describe.each(DIALECTS)('the schedule file on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    line = new ProductLine(server);
    await line.add('1.1.0');
    await line.rollOut('1.1.0', 'draft');
  });
  afterAll(async () => server.end());

  const file = () => join(server.home, 'config/schedules.yaml');
  const schedules = async () => (await server.admin('listSchedules')).items;
  const names = async () => (await schedules()).map(({ name }) => name);
  const warnings = async () => (await server.admin('getStatus')).warnings;
  const soon = async (check: () => Promise<void>): Promise<void> => vi.waitFor(check, POLLING);
  const nightly = (...lines: readonly string[]): string =>
    [
      'schedules:',
      '  - name: nightly',
      '    cron: "0 2 * * *"',
      '    timezone: Europe/Berlin',
      '    action: start',
      `    rollout: ${line.rolloutName('1.1.0')}`,
      ...lines,
      '',
    ].join('\n');

  beforeEach(async () => {
    await writeFile(file(), nightly());
    await vi.waitUntil(async () => (await names()).join(' ') === 'nightly' && (await warnings()).length === 0, POLLING);
  });

  test('is taken in without a restart, and its schedules run', async () => {
    expect(await schedules()).toMatchObject([
      {
        cron: '0 2 * * *',
        timezone: 'Europe/Berlin',
        action: 'start',
        source: 'file',
        enabled: true,
        missed: 'run_once',
      },
    ]);
    const { items } = await server.admin('listAudit', { query: { action: 'schedule.sync' } });
    expect(items[0]).toMatchObject({ actor: 'file', details: { changed: ['nightly'], removed: [] } });
    server.clock.nowMs = Date.UTC(2026, 10, 24, 1);
    await server.tick();
    expect(await line.rollout('1.1.0')).toMatchObject({ status: 'running' });
  });

  test('that is wrong keeps the old state, and the problem with line and key is in the status and in the log', async () => {
    const before = await schedules();
    await writeFile(file(), nightly('    grace: soon', '    colour: red'));
    await soon(async () => expect(await warnings()).toHaveLength(2));
    const [grace, colour] = (await warnings()).toSorted();
    expect(grace).toMatch(/schedules\.yaml:7:\d+.*schedules\[0\]\.grace/);
    expect(colour).toMatch(/schedules\.yaml:8:\d+.*colour/);
    expect(await schedules()).toEqual(before);
    for (const problem of await warnings())
      expect(server.logged.some((entry) => JSON.parse(entry).msg === problem && JSON.parse(entry).level === 50)).toBe(
        true,
      );
  });

  test('that is no YAML, half-written or emptied of its key keeps the old state', async () => {
    const before = await schedules();
    let told: readonly string[] = [];
    for (const text of ['schedules: [', 'schedules:\n  - name: "nigh', 'schedule: []\n', '\u0000']) {
      await writeFile(file(), text);
      await soon(async () => {
        expect(await warnings()).not.toEqual([]);
        expect(await warnings()).not.toEqual(told);
      });
      told = await warnings();
      expect(await schedules()).toEqual(before);
    }
  });

  test('that an editor empties before it writes is not taken for empty', async () => {
    const syncs = async () =>
      (await server.admin('listAudit', { query: { action: 'schedule.sync', limit: '500' } })).items;
    const before = await syncs();
    for (const comment of ['# one', '# two', '# three', '# four']) {
      await writeFile(file(), '');
      await sleep(400);
      await writeFile(file(), nightly(comment));
      await sleep(800);
    }
    expect(await syncs()).toEqual(before);
  });

  test('that is replaced by an editor changes, adds and removes what is different', async () => {
    const [before] = await schedules();
    const more = '  - {name: window, cron: "0 22 * * *", action: window, duration: 4h, label: shop}';
    await writeFile(`${file()}.new`, nightly('    enabled: true', more));
    await rename(`${file()}.new`, file());
    await soon(async () => expect(await names()).toEqual(['nightly', 'window']));
    expect((await schedules())[0], 'unchanged').toEqual(before);
    expect((await schedules())[1]).toMatchObject({
      action: 'window',
      duration_s: 14_400,
      label: 'shop',
      timezone: 'UTC',
    });
    await writeFile(file(), 'schedules: []\n');
    await soon(async () => expect(await names()).toEqual([]));
  });

  test('that is gone means that there are no schedules', async () => {
    await rm(file());
    await soon(async () => expect(await names()).toEqual([]));
  });

  test('has the say over its schedules: they are not changed through the API', async () => {
    const name = { params: { name: 'nightly' } };
    const fromFile = { status: 409, body: { error: { code: 'schedule_from_file' } } };
    expect(await server.tryAdmin('setScheduleEnabled', { ...name, body: { enabled: false } })).toMatchObject(fromFile);
    expect(await server.tryAdmin('deleteSchedule', name)).toMatchObject(fromFile);
    expect((await server.tryAdmin('createSchedule', { body: api('nightly') })).status).toBe(409);
  });

  test('with the name of a schedule made through the API is not taken in, and says so', async () => {
    await server.admin('createSchedule', { body: api('mine') });
    await writeFile(file(), nightly().replace('nightly', 'mine'));
    await soon(async () => {
      expect(await warnings()).toMatchObject([expect.stringMatching(/schedule mine .* already made/)]);
    });
    expect(await schedules()).toMatchObject([
      { name: 'mine', source: 'api' },
      { name: 'nightly', source: 'file' },
    ]);
    await server.admin('deleteSchedule', { params: { name: 'mine' } });
  });

  test('with the label general is not taken in', async () => {
    await writeFile(file(), nightly('    label: general'));
    await soon(async () => expect(await warnings()).toMatchObject([expect.stringContaining('general')]));
  });

  test('that was changed while the server was down is taken in at the next start', async () => {
    await server.stop();
    await writeFile(file(), nightly().replace('0 2 * * *', '0 3 * * *'));
    server = await startTestServer({ like: server });
    line.moveTo(server);
    expect(await schedules()).toMatchObject([{ name: 'nightly', cron: '0 3 * * *' }]);
  });
});

function api(name: string) {
  return { name, cron: '0 5 * * *', action: 'window', duration_s: 3600 };
}
