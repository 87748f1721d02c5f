// schedules.yaml and plans.yaml are common to the servers of one database: another version is refused with both named, and no
// window is dropped because a server started with an untouched file.

import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { addFirmware } from '../support/fleet.ts';
import { newHome, runOtterProcess, type ServerProcess, startServerProcess } from '../support/server/process.ts';
import { newPostgresDatabase } from '../support/server/server.ts';

// Every test starts a process or two, and the machine may be busy with other tests.
vi.setConfig({ testTimeout: 180_000 });

const WINDOW = `schedules:
  - {name: nights, cron: "0 2 * * *", timezone: UTC, action: window, duration: 2h}
`;
const OTHER_WINDOW = WINDOW.replace('0 2', '0 3');
const PLAN = `plans:
  - name: mine
    stages: [{name: all, label: general, percentage: 50%}]
`;

function write(home: string, file: 'schedules' | 'plans', text: string): void {
  writeFileSync(join(home, `config/${file}.yaml`), text);
}

async function refusalOf(home: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { code, stderr } = await runOtterProcess(home, { env }).exited;
  expect({ code, stderr }).toMatchObject({ code: 78 });
  expect(stderr).not.toMatch(/^\s+at /m);
  return stderr;
}

async function windowsOf(server: ServerProcess): Promise<readonly (string | null)[]> {
  const { items } = await server.admin('listSchedules');
  return items.map(({ cron }) => cron);
}

describe('PostgreSQL', () => {
  test('an untouched or another file of schedules is refused, and taken over on purpose', async () => {
    const env = { OTTER_DATABASE: await newPostgresDatabase({ hasSchema: true }) };
    const [one, two] = [await newHome(), await newHome()];
    write(one, 'schedules', WINDOW);
    const first = await startServerProcess(one, { env });
    const untouched = await refusalOf(two, env);
    expect(untouched).toContain('config/schedules.yaml of this server has 0 entries (');
    expect(untouched).toContain(`${hostname()}:${one} brought 1 entry (`);
    expect(untouched).toContain('--take-over-files');
    expect(await windowsOf(first)).toEqual(['0 2 * * *']);

    write(two, 'schedules', OTHER_WINDOW);
    expect(await refusalOf(two, env)).toContain('config/schedules.yaml of this server has 1 entry (');
    write(two, 'schedules', `# Another remark.\n${WINDOW}`);
    await (await startServerProcess(two, { env })).stop();

    write(two, 'schedules', OTHER_WINDOW);
    const args = ['start', '--port', '0', '--no-pretty', '--take-over-files'];
    const second = await startServerProcess(two, { env, args });
    expect(await windowsOf(first)).toEqual(['0 3 * * *']);
    const { warnings } = await first.admin('getStatus');
    expect(warnings).toContainEqual(expect.stringContaining(`${hostname()}:${two} brought 1 entry`));
    await first.stop();
    // It has the version of before.
    expect(await refusalOf(one, env)).toContain(`${hostname()}:${two} brought 1 entry`);
    await second.stop();
  });

  test('a file that is changed under a running server is the new common one, and the others say that theirs is not', async () => {
    const env = { OTTER_DATABASE: await newPostgresDatabase({ hasSchema: true }) };
    const [one, two] = [await newHome(), await newHome()];
    const first = await startServerProcess(one, { env });
    const second = await startServerProcess(two, { env });
    write(two, 'schedules', WINDOW);
    await vi.waitFor(async () => expect(await windowsOf(first)).toEqual(['0 2 * * *']), { timeout: 30_000 });
    expect((await first.admin('getStatus')).warnings).toContainEqual(expect.stringContaining('config/schedules.yaml'));
    expect((await second.admin('getStatus')).warnings).toEqual([]);
    // Its base is not the common version any more: an edit here would undo the one there.
    write(one, 'schedules', OTHER_WINDOW);
    await vi.waitFor(() => expect(first.process.stdout).toContain('config/schedules.yaml of this server'), {
      timeout: 30_000,
    });
    expect(await windowsOf(first)).toEqual(['0 2 * * *']);
    for (const server of [first, second]) await server.stop();
  });

  test('another file of plans is refused; with a stale one no rollout is made', async () => {
    const [one, two] = [await newHome(), await newHome()];
    const env = {
      OTTER_DATABASE: await newPostgresDatabase({ hasSchema: true }),
      OTTER_STORAGE_ROOT: join(one, 'data/firmware'),
    };
    for (const home of [one, two]) write(home, 'plans', PLAN);
    const first = await startServerProcess(one, { env });
    await addFirmware(first, '1.0.0');
    write(two, 'plans', PLAN.replace('50%', '5%'));
    expect(await refusalOf(two, env)).toContain(`${hostname()}:${one} brought 1 entry (`);
    const args = ['start', '--port', '0', '--no-pretty', '--take-over-files'];
    const second = await startServerProcess(two, { env, args });
    const body = { version: '1.0.0', plan: 'mine' };
    expect(await first.tryAdmin('createRollout', { body })).toMatchObject({
      status: 409,
      body: { error: { code: 'file_differs' } },
    });
    expect(await second.tryAdmin('createRollout', { body })).toMatchObject({ status: 201 });
    for (const server of [first, second]) await server.stop();
  });
});

test('SQLite: whoever changes the file of the one server is believed, also with an empty one', async () => {
  const home = await newHome();
  write(home, 'schedules', WINDOW);
  await (await startServerProcess(home)).stop();
  write(home, 'schedules', 'schedules: []\n');
  const again = await startServerProcess(home);
  expect(await windowsOf(again)).toEqual([]);
  await again.stop();
});
