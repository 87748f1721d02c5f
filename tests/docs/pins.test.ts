// The drill of docs/pins.md, pasted as it stands: the key of the certificate is lost, and boards that know the backup pin come back.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { formatPin, parsePin, PinnedAgent, requestPinned } from '#protocol/pinned-https.ts';
import { findBackupKey } from '#server/home/backup-key.ts';
import { initHome } from '#server/home/init.ts';
import { OTTER } from '../support/otter-command.ts';
import { startServerProcess } from '../support/server/process.ts';
import { codeBlocks, readDocument } from './markdown.ts';
import { Terminal } from './pasting.ts';

test('the drill of docs/pins.md works as it is typed', async () => {
  const safe = await mkdtemp(join(tmpdir(), 'otter-pins-drill-'));
  onTestFinished(async () => rm(safe, { recursive: true, force: true }));
  const [old, trial] = [join(safe, 'old'), join(safe, 'trial')];
  await initHome(old, { nowMs: Date.now() });
  await writeFile(join(safe, 'passphrase'), 'four random words here\n');
  const blocks = codeBlocks(readDocument('docs/pins.md')).filter(
    ({ language, text }) => language === 'sh' && text.includes('$SAFE'),
  );
  expect(blocks).toHaveLength(2);
  const [stow = '', drill = ''] = blocks.map(({ text }) => text);
  const env = { PATH: process.env['PATH'] ?? '', HOME: safe, SAFE: safe, HOME_OLD: old };
  const [node = '', launcher = ''] = OTTER;
  // In the folder of a clone, npx runs this very program.
  const terminal = new Terminal(safe, env, `npx() { shift; '${node}' '${launcher}' "$@"; }\n`);
  onTestFinished(async () => terminal.close());

  const server = await startServerProcess(old);
  const backup = findBackupKey(old)?.pin ?? '';
  expect(await terminal.run(stow)).toContain(`backup pin    ${backup}`);
  expect(await terminal.run(drill)).toContain(`pin           ${backup}`);
  expect(await server.admin('getPins', {})).toMatchObject({ live: formatPin(server.pin), backup });
  await server.stop();

  const back = await startServerProcess(trial);
  const pin = parsePin(backup);
  if (pin === undefined) throw new Error('a pin that cannot be read');
  // As a board that has both pins of before.
  const agent = new PinnedAgent([server.pin, pin], { keepAlive: false });
  expect(await requestPinned({ method: 'GET', url: new URL('/healthz', back.url), agent })).toMatchObject({
    status: 200,
  });
  await back.stop();
});
