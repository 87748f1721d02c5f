// What is committed is what the sources make, and a browser has little to load.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build } from 'vite';
import config from '../../dashboard/vite.config.ts';

const COMMITTED = join(import.meta.dirname, '../../dashboard/dist');
/** Script that is loaded before the first screen can be seen, and for a screen after that, as gzip. */
const FIRST_KIB = 170;
const SCREEN_KIB = 60;

let built: string;
beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'otter-dashboard-'));
  // Vitest says that this is a test, and React would be its slow half.
  const before = process.env['NODE_ENV'];
  process.env['NODE_ENV'] = 'production';
  await build({
    ...config,
    configFile: false,
    mode: 'production',
    logLevel: 'error',
    build: { ...config.build, outDir: built, emptyOutDir: true },
  });
  process.env['NODE_ENV'] = before;
});
afterAll(async () => rm(built, { recursive: true, force: true }));

test('dashboard/dist is what `npm run build:dashboard` makes of the sources', async () => {
  expect(await contentOf(COMMITTED)).toEqual(await contentOf(built));
});

test(`the log-in page loads at most ${FIRST_KIB} KiB of script, and each screen at most ${SCREEN_KIB} KiB more`, async () => {
  const page = await readFile(join(built, 'index.html'), 'utf8');
  const first = await reach([...page.matchAll(/assets\/([\w-]+\.js)/g)].map(([, name = '']) => name));
  expect(await sizeOf(first)).toBeLessThan(FIRST_KIB * 1024);
  const names = await readdir(join(built, 'assets'));
  for (const screen of SCREENS) {
    const entry = names.find((name) => name.startsWith(`${screen}-`) && name.endsWith('.js'));
    expect(entry, screen).toBeDefined();
    const more = [...(await reach([entry ?? '']))].filter((name) => !first.has(name));
    expect({ screen, isSmall: (await sizeOf(more)) < SCREEN_KIB * 1024 }).toEqual({ screen, isSmall: true });
  }
});

test('no file names another host to load something from', async () => {
  const { files } = await contentOf(built);
  const loads = /(?:src|href)=["']?https?:\/\/|url\(["']?https?:|@import\s+["']https?:|import\(["']https?:/;
  expect(files.filter(([, text]) => loads.test(text)).map(([name]) => name)).toEqual([]);
});

const SCREENS =
  'fleet devices device health rollouts rollout new-rollout firmware add-board schedules activity server palette'.split(
    ' ',
  );

/** These files and all that they import at once. */
async function reach(entries: readonly string[], found = new Set<string>()): Promise<Set<string>> {
  for (const name of entries) {
    if (found.has(name)) continue;
    found.add(name);
    const text = await readFile(join(built, 'assets', name), 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s*["'`]\.\/([\w-]+\.js)["'`]/g)].map(([, one = '']) => one);
    await reach(imports, found);
  }
  return found;
}

async function sizeOf(names: Iterable<string>): Promise<number> {
  let total = 0;
  for (const name of names) total += gzipSync(await readFile(join(built, 'assets', name)), { level: 9 }).length;
  return total;
}

async function contentOf(folder: string) {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  const files = await Promise.all(
    names.map(async (name) => [name.slice(folder.length), await readFile(name, 'latin1')] as const),
  );
  return { files };
}
