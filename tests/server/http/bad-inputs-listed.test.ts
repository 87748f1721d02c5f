// The list of bad inputs (tests/data/bad-inputs.tsv) and the tests agree: no row is forgotten. A row is proven by test files
// that name its id, or says why this version does not build what it is about (`later:`), or that it is `open:`.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HTTP_STATUS } from '#protocol/errors.ts';

const TESTS = join(import.meta.dirname, '../..');
const [header, ...rows] = readFileSync(join(TESTS, 'data/bad-inputs.tsv'), 'utf8')
  .replace(/\n$/, '')
  .split('\n')
  .map((line) => line.split('\t'));
const text = new Map(
  readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => [name.replaceAll('\\', '/'), readFileSync(join(TESTS, name), 'utf8')]),
);

/** An id names a test where a title or a row of its table begins with it. */
function names(file: string, id: string): boolean {
  return new RegExp(String.raw`['"\`]${id}\b(?!\.)`).test(text.get(file) ?? '');
}

test('the list is a table of unique ids', () => {
  expect(header).toEqual(['id', 'surface', 'input', 'expected', 'here', 'code']);
  expect(rows.filter((row) => row.length !== 6)).toEqual([]);
  expect(new Set(rows.map(([id]) => id)).size).toBe(rows.length);
  expect(rows.length).toBeGreaterThan(140);
});

test('every row is proven by the tests that it names, or says why not', () => {
  const unproven = rows.filter(([id = '', , , , here = '']) => {
    if (/^(later|open): \S/.test(here)) return false;
    return here === '' || !here.split(' ').every((file) => names(file, id));
  });
  expect(unproven).toEqual([]);
});

test('a row whose test starts a server is tried on both databases', () => {
  const proving = rows.map(([, , , , here = '']) => here).filter((here) => !/^(later|open):/.test(here));
  const files = new Set(proving.flatMap((here) => here.split(' ')));
  const one = [...files].filter((file) => {
    const source = text.get(file) ?? '';
    return /start(?:Test|)Server(?:Process|)\(/.test(source) && !/\b(?:BOTH|DIALECTS)\b/.test(source);
  });
  expect(files.size).toBeGreaterThan(15);
  expect(one).toEqual([]);
});

test('a row is not called later or open when a test proves it', () => {
  const proven = rows.filter(
    ([id = '', , , , here = '']) => /^(later|open):/.test(here) && [...text.keys()].some((file) => names(file, id)),
  );
  expect(proven).toEqual([]);
});

test('every code is one of the table of errors, and stands in the tests of its row where they are about the server', () => {
  const unknown = rows.flatMap(([id = '', , , , here = '', codes = '']) =>
    codes
      .split(' ')
      .filter((code) => code !== '')
      .filter((code) => !Object.hasOwn(HTTP_STATUS, code) || !here.split(' ').some((file) => mentions(file, code)))
      .map((code) => `${id} ${code}`),
  );
  expect(unknown).toEqual([]);
});

/** Tests of the command line see the exit code and the words of an error, not its code. */
function mentions(file: string, code: string): boolean {
  return file.startsWith('cli/') || (text.get(file) ?? '').includes(`'${code}'`);
}
