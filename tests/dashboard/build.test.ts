// What is committed is what the sources make, and a browser has little to load.

import { hash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build } from 'vite';
import config from '../../dashboard/vite.config.ts';

const COMMITTED = join(import.meta.dirname, '../../dashboard/dist');
/** Script that is loaded before Fleet can be seen, and for a screen after that, as gzip. */
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
  expect(await digestsOf(COMMITTED)).toEqual(await digestsOf(built));
});

test(`the page and Fleet load at most ${FIRST_KIB} KiB of script, and each screen after that at most ${SCREEN_KIB} KiB more`, async () => {
  const page = await readFile(join(built, 'index.html'), 'utf8');
  const names = await readdir(join(built, 'assets'));
  const entryOf = (screen: string): string => {
    const entry = names.find((name) => name.startsWith(`${screen}-`) && name.endsWith('.js'));
    if (entry === undefined) throw new Error(`no file of the screen ${screen}`);
    return entry;
  };
  const shell = [...page.matchAll(/assets\/([\w.-]+\.js)/g)].map(([, name = '']) => name);
  const first = await reach([...shell, entryOf('fleet')]);
  const sizes: [string, number][] = [['page and fleet', await kibOf(first)]];
  expect(sizes[0]?.[1]).toBeLessThan(FIRST_KIB);
  for (const screen of SCREENS) {
    const more = [...(await reach([entryOf(screen)]))].filter((name) => !first.has(name));
    sizes.push([screen, await kibOf(more)]);
  }
  expect(sizes.slice(1).filter(([, kib]) => kib > SCREEN_KIB)).toEqual([]);
});

test('no file names another host to load something from', async () => {
  const { files } = await contentOf(built);
  const loads = /(?:src|href)=["']?https?:\/\/|url\(["']?https?:|@import\s+["']https?:|import\(["']https?:/;
  expect(files.filter(([, text]) => loads.test(text)).map(([name]) => name)).toEqual([]);
});

const SCREENS =
  'devices device health rollouts rollout new-rollout firmware add-board schedules activity settings server palette run-simulation schedule-dialog'.split(
    ' ',
  );

/** These files and all that they import at once. */
async function reach(entries: readonly string[], found = new Set<string>()): Promise<Set<string>> {
  for (const name of entries) {
    if (found.has(name)) continue;
    found.add(name);
    const text = await readFile(join(built, 'assets', name), 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g)].map(([, one = '']) => one);
    await reach(imports, found);
  }
  return found;
}

async function kibOf(names: Iterable<string>): Promise<number> {
  let total = 0;
  for (const name of names) total += gzipSync(await readFile(join(built, 'assets', name)), { level: 9 }).length;
  return Math.ceil(total / 1024);
}

/** Digests: a difference of contents is a page that nobody can read. */
async function digestsOf(folder: string): Promise<readonly string[]> {
  const { files } = await contentOf(folder);
  return files.map(([name, text]) => `${name} ${hash('sha256', text).slice(0, 12)}`);
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
