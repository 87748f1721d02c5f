// The house keeps its rules: who may import whom, no circles, and no clock in what is pure. Held by resolved path, for types too.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findFaults } from './faults.ts';
import { type Module, readModule } from './modules.ts';
import { ROOMS } from './rooms.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['protocol', 'engine', 'server/src', 'cli', 'simulator', 'dashboard'];

const house: readonly Module[] = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.startsWith('dist'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
).map((path) => readModule(path, readFileSync(join(ROOT, path), 'utf8')));

test('every module keeps to its room', () => {
  expect(house.length).toBeGreaterThan(300);
  expect(findFaults(house)).toEqual([]);
});

test('every room of the table is there', () => {
  const empty = ROOMS.filter(({ room }) => !house.some(({ path }) => path === room || path.startsWith(`${room}/`)));
  expect(empty.map(({ room }) => room)).toEqual([]);
});

test('ARCHITECTURE.md has the same table', () => {
  const page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([^`]+)` +\| ([^|]+)\| ([^|]+)\|$/gm)]
    .map(([, room, may = '', packages = '']) => ({ room, may: namesIn(may), packages: namesIn(packages) }))
    .filter(({ room }) => ROOMS.some((one) => one.room === room));
  const expected = ROOMS.map(({ room, may, packages, node, pure }) => ({
    room,
    may: may.toSorted(),
    packages: [...packages, ...(node ? ['node:*'] : []), ...(pure === true ? ['pure'] : [])].toSorted(),
  }));
  expect(rows).toEqual(expected);
});

function namesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '').toSorted();
}

const IN_ENGINE = 'engine/stage/planted.ts';

test.each([
  ['server/src/db/planted.ts', `import { promote } from '../service/rollouts/promote.ts';`, 'server/src/service'],
  ['server/src/db/planted.ts', `import type { Deps } from '#server/service/deps.ts';`, 'server/src/service'],
  ['server/src/http/planted.ts', `import { x } from '../db/schema.ts';`, 'server/src/db'],
  ['server/src/http/planted.ts', `import { judgeStage } from '../../../engine/stage/gate.ts';`, 'engine'],
  ['server/src/http/planted.ts', `import { sql } from 'kysely';`, 'kysely'],
  ['server/src/http/planted.ts', `type Row = import('#server/db/schema.ts').Row;`, 'server/src/db'],
  ['server/src/service/planted.ts', `export { addAuth } from '#server/http/auth.ts';`, 'server/src/http'],
  ['server/src/service/planted.ts', `export * from '../main.ts';`, 'server/src'],
  ['server/src/service/planted.ts', `const x = await import('fastify');`, 'fastify'],
  ['server/src/service/planted.ts', `const x = await import(name);`, '?'],
  ['server/src/storage/planted.ts', `import { findRollout } from '../db/rollouts/rollouts.ts';`, 'server/src/db'],
  ['server/src/config/planted.ts', `import { x } from '#server/service/settings.ts';`, 'server/src/service'],
  ['server/src/jobs/planted.ts', `import { openSqlite } from '../db/sqlite.ts';`, 'server/src/db'],
  ['cli/planted.ts', `import { x } from '../server/src/db/schema.ts';`, 'server/src/db'],
  ['cli/planted.ts', `import { judgeStage } from '#engine/stage/gate.ts';`, 'engine'],
  ['dashboard/parts/planted.tsx', `import { x } from '#dashboard/screens/fleet/fleet.tsx';`, 'dashboard/screens'],
  ['dashboard/data/planted.ts', `import type { Deps } from '#server/service/deps.ts';`, 'server/src/service'],
  ['dashboard/data/planted.ts', `import { Type } from 'typebox';`, 'typebox'],
  ['simulator/planted.ts', `import type { Facts } from '#engine/facts/model.ts';`, 'engine'],
  ['protocol/planted.ts', `import type { Facts } from '../engine/facts/model.ts';`, 'engine'],
  [IN_ENGINE, `import type { Hash } from 'node:crypto';`, 'node:crypto'],
  [IN_ENGINE, `import { readFileSync } from 'fs';`, 'fs'],
  [IN_ENGINE, `const { createHash } = require('node:crypto');`, 'node:crypto'],
  [IN_ENGINE, `import type { Row } from '../../server/src/db/schema.ts';`, 'server/src/db'],
  [IN_ENGINE, `export const now = new Date();`, 'Date'],
  [IN_ENGINE, `export const now = globalThis.Date.now();`, 'globalThis'],
  [IN_ENGINE, `export const zone = new Intl.DateTimeFormat();`, 'Intl'],
  [IN_ENGINE, `export const text = (12.5).toLocaleString();`, 'toLocaleString'],
  [IN_ENGINE, `export const luck = Math.random();`, 'random'],
  [IN_ENGINE, `const { random } = Math; export const luck = random();`, 'Math'],
  [IN_ENGINE, `const sums = Math; export const luck = sums['random']();`, 'Math'],
  [IN_ENGINE, `export const later = () => setTimeout(() => undefined, 1);`, 'setTimeout'],
  [IN_ENGINE, `export const home = process.env.HOME;`, 'process'],
  [IN_ENGINE, `export const id = crypto.randomUUID();`, 'crypto'],
  [IN_ENGINE, `export async function later() {}`, 'async'],
  ['simulator/simulation/planted.ts', `export const now = performance.now();`, 'performance'],
])('in %s, %s is refused', (path, text, names) => {
  const faults = findFaults([...house, readModule(path, text)]);
  expect(faults.filter((fault) => fault.startsWith(`${path} `) && fault.includes(names))).not.toEqual([]);
});

test('a circle is refused, of types too', () => {
  const one = readModule('engine/stage/one.ts', `import type { Two } from './two.ts'; export type One = Two;`);
  const two = readModule(
    'engine/stage/two.ts',
    `import type { One } from '#engine/stage/one.ts'; export type Two = One;`,
  );
  expect(findFaults([...house, one, two])).toEqual([
    'a circle: engine/stage/one.ts -> engine/stage/two.ts -> engine/stage/one.ts',
  ]);
});
