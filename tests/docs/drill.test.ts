// The drill of docs/operating.md, pasted as it stands: the backup is good, the database is lost, the server is lost.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startServerProcess } from '../support/server/process.ts';
import { OTTER } from '../support/otter-command.ts';
import { initHome } from '#server/home/init.ts';
import { addDevices, addFirmware } from '../support/fleet.ts';
import { codeBlocks, readDocument } from './markdown.ts';
import { Terminal } from './pasting.ts';

test('the drill of docs/operating.md works as it is typed', async () => {
  const safe = await mkdtemp(join(tmpdir(), 'otter-drill-'));
  onTestFinished(async () => rm(safe, { recursive: true, force: true }));
  const [old, other] = [join(safe, 'old'), join(safe, 'new')];
  await initHome(old, { nowMs: Date.now() });
  const blocks = codeBlocks(readDocument('docs/operating.md')).filter(
    ({ language, section }) => language === 'sh' && section === 'A drill',
  );
  expect(blocks).toHaveLength(4);
  const [trial = '', lost = '', elsewhere = '', last = ''] = blocks.map(({ text }) => text);
  const env = { PATH: process.env['PATH'] ?? '', HOME: safe, SAFE: safe, HOME_OLD: old, HOME_NEW: other };
  const [node = '', launcher = ''] = OTTER;
  // In the folder of a clone, npx runs this very program.
  const terminal = new Terminal(safe, env, `npx() { shift; '${node}' '${launcher}' "$@"; }\n`);
  onTestFinished(async () => terminal.close());

  const server = await startServerProcess(old);
  await addFirmware(server, '1.0.0');
  const [mac = ''] = await addDevices(server, 1, '1.0.0');
  await terminal.run(trial);
  await server.stop();

  await terminal.run(lost);
  const again = await startServerProcess(old);
  expect(await again.admin('getDevice', { params: { device: mac } })).toMatchObject({ device: { mac } });
  await again.stop();

  expect(await terminal.run(elsewhere)).toContain(`spki:${server.pin.sha256}`);
  const moved = await startServerProcess(other);
  expect(await terminal.run(last)).toContain('nobody said which builds were blocked since');
  expect(await moved.admin('getStatus', {})).toMatchObject({ frozen: [], calls: [] });
  expect(await moved.admin('getDevice', { params: { device: mac } })).toMatchObject({ device: { mac } });
  await moved.stop();
});
