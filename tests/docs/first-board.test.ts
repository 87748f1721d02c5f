// docs/first-board.md, typed and watched: its commands run against a real server, and a board of `otter-device`, which runs
// the real library, says every line that the page shows, in that order.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startServerForBoards } from '../client/support/bench.ts';
import { buildDeviceImage } from '../client/support/device-image.ts';
import { OtterDevice } from '../client/support/otter-device.ts';
import { runOtter } from '../support/otter-command.ts';
import type { TestServer } from '../support/server/server.ts';
import { type CodeBlock, codeBlocks, readDocument } from './markdown.ts';

const BLOCKS = codeBlocks(readDocument('docs/first-board.md'));
const MAC = '24:6f:28:aa:bb:cc';
const IMAGE_BYTES = 100 * 1024;

let server: TestServer;
let folder: string;
let board: OtterDevice | undefined;
beforeAll(async () => {
  server = await startServerForBoards();
  folder = await mkdtemp(join(tmpdir(), 'otter-first-board-'));
  await writeFile(join(folder, 'greenhouse.ino.bin'), build('1.1.0'));
});
afterAll(async () => {
  await board?.scrap();
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

test('every command works, and the board says every line', async () => {
  const kinds = new Set(BLOCKS.map(({ language }) => language));
  expect([...kinds].toSorted()).toEqual(['cpp', 'ini', 'serial', 'sh', 'text']);
  let seen = 0;
  let printed = '';
  for (const block of BLOCKS) {
    if (block.language === 'sh') printed = await type(block);
    if (block.language === 'text') expectPrinted(printed, block);
    if (block.language !== 'serial') continue;
    board ??= await flash();
    seen = await watch(board, block, seen);
  }
  expect(seen).toBeGreaterThan(10);
});

function build(version: string): Buffer {
  return buildDeviceImage({ product: 'greenhouse', version, sizeBytes: IMAGE_BYTES });
}

async function flash(): Promise<OtterDevice> {
  return OtterDevice.start({
    server: server.url,
    pin: server.pin,
    token: server.fleetToken,
    mac: MAC,
    image: build('1.0.0'),
    speed: 1,
    args: ['--trial-timeout', '3600', '--rest-speed', '90'],
  });
}

/** Types the commands of a block; what they print. */
async function type(block: CodeBlock): Promise<string> {
  let printed = '';
  for (const line of block.text.split('\n').filter((each) => each !== '')) {
    const [npx, otter, ...args] = line.split(' ');
    expect([npx, otter]).toEqual(['npx', 'otter']);
    const run = await runOtter(folder, [...args, '--home', server.home]);
    expect(run.exitCode, `${line}\n${run.stdout}${run.stderr}`).toBe(0);
    printed += run.stdout;
  }
  return printed;
}

function expectPrinted(printed: string, { text }: CodeBlock): void {
  const words = (line: string): string => line.replace('...', '').trim().replaceAll(/ +/g, ' ');
  const lines = printed.split('\n').map(words);
  for (const line of text.trim().split('\n'))
    expect(
      lines.some((each) => each.startsWith(words(line).replace(/ seen$/, ''))),
      `${line} in\n${printed}`,
    ).toBe(true);
}

/** Waits for each line of the block, behind those that were seen before. Resolves with how many lines of the log are past. */
async function watch(device: OtterDevice, { text }: CodeBlock, from: number): Promise<number> {
  let at = from;
  for (const line of text.trim().split('\n')) {
    at = await vi.waitFor(() => {
      const said = device.log.map(general);
      const found = said.indexOf(general(line), at);
      expect(found, `${general(line)} in\n${said.slice(at).join('\n')}\n${device.story()}`).toBeGreaterThanOrEqual(0);
      return found + 1;
    });
  }
  return at;
}

/** Without what differs from board to board. */
function general(line: string): string {
  return line
    .replaceAll(server.url.host, '192.168.1.10:8443')
    .replaceAll(/\d+ %/g, 'N %')
    .replaceAll(/\d+ bytes/g, 'N bytes')
    .replaceAll(/\d+ s\b/g, 'N s');
}
