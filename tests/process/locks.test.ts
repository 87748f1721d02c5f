// One server for each SQLite database and each folder of images, by whatever name they are reached; servers of one
// PostgreSQL share a folder. A lock goes with its process, also after kill -9.

import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newHome, runOtterProcess, type ServerProcess, startServerProcess } from '../support/server/process.ts';
import { newPostgresDatabase } from '../support/server/server.ts';

/** How a running server is named to those who are refused because of it. */
function nameOf({ process, home }: ServerProcess): RegExp {
  return new RegExp(`another Otter \\(process ${process.child.pid} on \\S+, home ${home}\\)`);
}

async function refusalOf(home: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { code, stderr } = await runOtterProcess(home, { env }).exited;
  expect({ code, stderr }).toMatchObject({ code: 78 });
  expect(stderr).not.toMatch(/^\s+at /m);
  return stderr;
}

test('a database reached through a symbolic link or a linked folder is the same database', async () => {
  const first = await startServerProcess(await newHome());
  const other = await newHome();
  symlinkSync(join(first.home, 'data/otter.db'), join(other, 'data/linked.db'));
  symlinkSync(join(first.home, 'data'), join(other, 'there'));
  for (const path of ['data/linked.db', 'there/otter.db', `${other}/data/../there/otter.db`])
    expect(await refusalOf(other, { OTTER_DATABASE: `sqlite:${path}` })).toMatch(nameOf(first));
  await first.checkIn('24:6f:28:00:00:01', '1.0.0');
  expect(await first.stop()).toMatchObject({ code: 0 });
});

test('a link to a database that is still to be made has the lock of that database', async () => {
  const [one, other] = [await newHome(), await newHome()];
  symlinkSync(join(one, 'data/otter.db'), join(other, 'data/otter.db'));
  const second = await startServerProcess(other);
  expect(await refusalOf(one, {})).toMatch(nameOf(second));
});

test('a database with a second name is refused, and the second name is to be removed', async () => {
  const home = await newHome();
  await (await startServerProcess(home)).stop();
  linkSync(join(home, 'data/otter.db'), join(home, 'data/copy.db'));
  expect(await refusalOf(home, {})).toContain(`${join(home, 'data/otter.db')} has 2 names (hard links)`);
});

test('two SQLite servers never share a folder of images, and kill -9 gives it back', async () => {
  const first = await startServerProcess(await newHome());
  const other = await newHome();
  symlinkSync(join(first.home, 'data/firmware'), join(other, 'images'));
  for (const root of [join(first.home, 'data/firmware'), 'images']) {
    const refusal = await refusalOf(other, { OTTER_STORAGE_ROOT: root });
    expect(refusal).toMatch(nameOf(first));
    expect(refusal).toContain('storage.root');
  }
  await first.kill9();
  const second = await startServerProcess(other, { env: { OTTER_STORAGE_ROOT: 'images' } });
  expect(await second.stop()).toMatchObject({ code: 0 });
});

test('servers of one PostgreSQL share a folder of images; those of another database are refused', async () => {
  const images = join(await newHome(), 'data/firmware');
  const database = await newPostgresDatabase({ hasSchema: true });
  const mine = { OTTER_DATABASE: database, OTTER_STORAGE_ROOT: images };
  const first = await startServerProcess(await newHome(), { env: mine });
  // The same database by another address.
  const second = await startServerProcess(await newHome(), {
    env: { ...mine, OTTER_DATABASE: database.replace('127.0.0.1', 'localhost') },
  });
  const other = { ...mine, OTTER_DATABASE: await newPostgresDatabase({ hasSchema: true }) };
  const refusal = `keeps its images in ${images}`;
  expect(await refusalOf(await newHome(), other)).toContain(refusal);
  expect(await refusalOf(await newHome(), { OTTER_STORAGE_ROOT: images })).toContain(refusal);
  await first.kill9();
  expect(await refusalOf(await newHome(), other)).toContain(refusal);
  await second.kill9();
  const third = await startServerProcess(await newHome(), { env: other });
  expect(await third.stop()).toMatchObject({ code: 0 });
});

test('a lock file that a power cut left half written keeps nobody from starting', async () => {
  const home = await newHome();
  mkdirSync(join(home, 'data/firmware'), { recursive: true });
  for (const lock of ['data/otter.db.lock', 'data/firmware/.lock'])
    writeFileSync(join(home, lock), Buffer.alloc(5_000, 'x'));
  const server = await startServerProcess(home);
  expect(await server.stop()).toMatchObject({ code: 0 });
});
