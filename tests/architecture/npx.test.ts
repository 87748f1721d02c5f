// `npx otter` outside of a clone would fetch a stranger's program: what the program says of itself goes through
// cli/program-place.ts, which knows where it lies.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const MESSAGES = ['protocol', 'engine', 'server/src', 'cli', 'simulator'];
/** Where it is decided, and what is only for people with a clone. */
const MAY: ReadonlySet<string> = new Set([
  'cli/program-place.ts',
  'server/src/http/dashboard/routes.ts',
  'simulator/images/write-images.ts',
]);

test('no message, option or hint says npx by itself', () => {
  const files = MESSAGES.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  expect(files.length).toBeGreaterThan(200);
  const found = files
    .filter((path) => !MAY.has(path))
    .flatMap((path) =>
      readFileSync(join(ROOT, path), 'utf8')
        .split('\n')
        .flatMap((line, index) =>
          line.includes('npx otter') && !line.trimStart().startsWith('//')
            ? [`${path}:${index + 1}: ${line.trim()}`]
            : [],
        ),
    );
  expect(found).toEqual([]);
});
