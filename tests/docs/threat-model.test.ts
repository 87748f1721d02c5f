// docs/threat-model.md: each attack names the tests that show what stops it, and these are there.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readDocument, ROOT } from './markdown.ts';

test('every attack has a test, and every test that is named is there', () => {
  const rows = readDocument('docs/threat-model.md')
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\| (attack|-)/.test(line));
  expect(rows.length).toBeGreaterThan(30);
  const missing: string[] = [];
  for (const row of rows) {
    const proof = row.split('|')[3] ?? '';
    let source = '';
    let named = 0;
    for (const [, path, title] of proof.matchAll(/\]\(\.\.\/([^)]+)\)|"([^"]+)"/g)) {
      if (path !== undefined) source = existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : '';
      else if (title !== undefined) {
        named += 1;
        if (!source.includes(title)) missing.push(title);
      }
    }
    if (named === 0) missing.push(row);
  }
  expect(missing).toEqual([]);
});
