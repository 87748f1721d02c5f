// Rooms stay small and say what they are for.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const MOST_FILES = 15;
const TOPS = ['protocol', 'engine', 'server/src', 'cli', 'simulator', 'dashboard'];
const folders = [...TOPS, ...TOPS.flatMap(foldersIn)];

function foldersIn(top: string): readonly string[] {
  return readdirSync(join(ROOT, top), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .filter((folder) => folder !== 'protocol/vectors' && !folder.startsWith('dashboard/dist') && hasModules(folder));
}

function hasModules(folder: string): boolean {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).some((name) => /\.tsx?$/.test(name));
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map(({ name }) => name);
}

test('every folder begins with what lives here', () => {
  expect(folders.length).toBeGreaterThan(40);
  expect(folders.filter((folder) => !existsSync(join(ROOT, folder, 'README.md')))).toEqual([]);
});

test(`no folder has more than ${MOST_FILES} files`, () => {
  expect(folders.filter((folder) => filesOf(folder).length > MOST_FILES)).toEqual([]);
});

test(`no folder of the Arduino library has more than ${MOST_FILES} files`, () => {
  const entries = readdirSync(join(ROOT, 'client'), { recursive: true, withFileTypes: true });
  // What the fuzzer was given: data, one file for each case.
  const rooms = entries.filter((entry) => entry.isFile() && !entry.parentPath.includes('/fuzz/corpus'));
  const counts = Map.groupBy(rooms, ({ parentPath }) => parentPath.slice(ROOT.length + 1));
  expect(counts.size).toBeGreaterThan(20);
  expect([...counts].filter(([, files]) => files.length > MOST_FILES).map(([folder]) => folder)).toEqual([]);
});

test('no folder has two files of one stem: gate.ts beside gates.ts is one too many', () => {
  const doubled = folders.flatMap((folder) => {
    const stems = filesOf(folder).map((name) => name.replace(/\.tsx?$/, '').replace(/s$/, ''));
    return stems.filter((stem, index) => stems.indexOf(stem) !== index).map((stem) => `${folder}/${stem}`);
  });
  expect(doubled).toEqual([]);
});
