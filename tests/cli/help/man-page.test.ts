// man/otter.1 is the man page of this program: `OTTER_UPDATE_DOCS=1 npx vitest run tests/cli/help/man-page.test.ts` writes it anew.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeTree } from '#cli/help/command-tree.ts';
import { EXAMPLES } from '#cli/help/examples.ts';
import { manPage } from '#cli/help/man-page.ts';
import { createTree } from '#cli/main.ts';
import { createShell } from '#cli/shell.ts';
import packageJson from '../../../package.json' with { type: 'json' };

const FILE = join(import.meta.dirname, '../../../man/otter.1');
const hasMan = spawnSync('man', ['--version']).status === 0;

test('it is current', () => {
  const program = createTree(createShell(() => undefined));
  const current = manPage(describeTree(program, EXAMPLES), packageJson.version);
  if (process.env['OTTER_UPDATE_DOCS'] === '1') writeFileSync(FILE, current);
  expect(readFileSync(FILE, 'utf8')).toBe(current);
});

test.skipIf(!hasMan)('man reads it without a warning, at any width (skipped where there is no man)', () => {
  for (const columns of ['60', '140']) {
    const { stdout, stderr, status } = spawnSync('man', ['--warnings', '-P', 'cat', FILE], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', MANWIDTH: columns, LC_ALL: 'C.UTF-8' },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    // oxlint-disable-next-line no-control-regex -- man writes bold letters over themselves
    expect(stdout.replaceAll(/.\u0008/g, '')).toContain('otter rollout promote NAME');
  }
});
