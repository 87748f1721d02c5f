// The table of CONTRIBUTING.md that says of each invariant what a push proves and what a night adds is what the tests themselves
// say: which databases they run on, and whether they have a whole size. `OTTER_UPDATE_DOCS=1 npx otter dev unit
// tests/docs/proofs.test.ts` writes it anew.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readDocument, ROOT } from './markdown.ts';
import { documented, table } from './written-table.ts';

/** What a night runs besides, for a test of a push. */
const LONG: Readonly<Record<string, string>> = {
  'tests/time/cron.test.ts': 'tests/nightly/cron-oracle.slow.ts',
  'tests/simulator/grid.test.ts': 'tests/simulator/grid.slow.ts',
};

interface Proof {
  readonly name: string;
  readonly path: string;
}

test('what a push proves of each invariant, and what a night adds, is what the tests say', () => {
  const rows = invariants().map(({ says, proofs }) => [
    says,
    proofs.map(({ name, path }) => `[${name}](${path})${databasesOf(path)}`).join(', '),
    [...new Set(proofs.flatMap(({ path }) => nightOf(path)))].join(', '),
  ]);
  const expected = table([['invariant', 'every push', 'every night, besides'], ...rows]);
  expect(documented('CONTRIBUTING.md', 'proofs', expected)).toBe(expected);
});

test('every invariant has a proof that is there', () => {
  const found = invariants();
  expect(found.length).toBeGreaterThan(40);
  expect(found.filter(({ proofs }) => proofs.length === 0)).toEqual([]);
  const missing = found.flatMap(({ proofs }) => proofs).filter(({ path }) => !existsSync(join(ROOT, path)));
  expect([...missing, ...Object.values(LONG).filter((path) => !existsSync(join(ROOT, path)))]).toEqual([]);
});

/** The rows of "What always holds" in ARCHITECTURE.md. */
function invariants(): readonly { readonly says: string; readonly proofs: readonly Proof[] }[] {
  const section =
    /^## What always holds\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readDocument('ARCHITECTURE.md'))?.[1] ?? '';
  return [...section.matchAll(/^\| (.+?) +\| (.+?) +\|$/gm)].slice(2).map(([, says = '', proven = '']) => ({
    says,
    proofs: [...proven.matchAll(/\[([^\]]+)\]\(((?:tests|client)\/[^)]+)\)/g)].map(([, name = '', path = '']) => ({
      name,
      path,
    })),
  }));
}

function databasesOf(path: string): string {
  return /\bBOTH\b|dialect: 'postgres'/.test(read(path)) ? ' (and PostgreSQL)' : '';
}

function nightOf(path: string): readonly string[] {
  const text = read(path);
  const helpers = [...text.matchAll(/from '(\.[^']+)'/g)].map(([, name = '']) => join(dirname(path), name));
  const isSized = [text, ...helpers.filter((name) => !name.endsWith('scope.ts')).map(read)].some((one) =>
    /sizeOf\(|OTTER_NIGHTLY/.test(one),
  );
  const long = LONG[path];
  return [
    ...(/\bDIALECTS\b/.test(text) ? ['on PostgreSQL'] : []),
    ...(isSized ? ['the whole size'] : []),
    ...(long === undefined ? [] : [`[at length](${long})`]),
  ];
}

function read(path: string): string {
  return existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : '';
}
