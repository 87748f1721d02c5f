// The last line before the end, such as "stopped", is written too.

import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lineOutput } from '#server/log-output.ts';

test('a flush while a line is being written writes the lines after it too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'otter-log-'));
  const file = await open(join(folder, 'lines'), 'w');
  onTestFinished(async () => {
    await file.close();
    await rm(folder, { recursive: true });
  });
  const output = lineOutput(file.fd);
  // As many bytes as are written at once, so that the write begins here and now.
  const first = `${'x'.repeat(16_000)}\n`;
  output.stream.write(first);
  output.stream.write('stopped\n');
  await output.flush();
  const written = await readFile(join(folder, 'lines'), 'utf8');
  expect(written.slice(first.length)).toBe('stopped\n');
});
