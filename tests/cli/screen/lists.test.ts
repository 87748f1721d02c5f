// Lists on a terminal: how many there are of how many, what fits, and the pager. The server is Otter's own.

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { widthOf } from '#cli/screen/layout.ts';
import { addDevices } from '../../support/fleet.ts';
import { runOtter } from '../../support/otter-command.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { hasScript, typeOnTerminal } from '../../support/typed-command.ts';

const DEVICES = 1204;
let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer({ dialect: 'sqlite' });
  await addDevices(server, DEVICES, '1.0.0');
  folder = mkdtempSync(join(tmpdir(), 'otter-lists-'));
});
afterAll(async () => {
  await server.end();
  rmSync(folder, { recursive: true, force: true });
});

const list = async (options: { readonly columns?: number }, ...more: readonly string[]) =>
  runOtter(folder, ['device', 'list', '--home', server.home, ...more], options);

test('a list that is cut says of how many, of those that were asked for', async () => {
  expect((await list({})).stderr).toBe('50 of 1 204; --all shows all\n');
  expect((await list({}, '--version', '9.9.9')).stderr).toContain('no such devices');
  const all = await list({}, '--all');
  expect(all.stderr).toBe('');
  expect(all.stdout.trimEnd().split('\n')).toHaveLength(DEVICES + 1);
});

test.each([60, 80, 140])('with %i columns every line fits, and no MAC is broken', async (columns) => {
  const { stdout } = await list({ columns }, '--limit', '20');
  expect(stdout.match(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g)).toHaveLength(20);
  for (const line of stdout.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns);
});

test.skipIf(!hasScript())(
  'on a terminal it goes through $PAGER, and not with --no-pager or where it fits',
  async () => {
    const pager = join(folder, 'pager');
    const paged = join(folder, 'paged');
    writeFileSync(pager, `#!/bin/sh\ncat > ${paged}\n`);
    chmodSync(pager, 0o755);
    const type = async (...more: readonly string[]) =>
      typeOnTerminal(folder, [], ['device', 'list', '--home', server.home, ...more], { PAGER: pager });
    expect(await type('--no-pager')).toContain('24:6f:28:');
    expect(await type('--limit', '3')).toContain('24:6f:28:');
    expect(existsSync(paged)).toBe(false);
    expect(await type()).not.toContain('24:6f:28:');
    expect(readFileSync(paged, 'utf8').match(/24:6f:28:/g)).toHaveLength(50);
  },
);
