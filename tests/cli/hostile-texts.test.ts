// What boards and people write, shown on a terminal, in a log and in a table: no control character of theirs gets there, nothing of it is a
// formula, and programs read it as it was. Every payload is tried in every field that takes free text; where it is refused, nothing is kept.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pino } from 'pino';
import { prettyLine } from '#server/pretty-log.ts';
import { addFirmware, mac } from '../support/fleet.ts';
import { runOtter } from '../support/otter-command.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { NOT_FOR_TERMINALS, TERMINAL_PAYLOADS } from '../support/terminal-payloads.ts';

const ROLLOUT = 'hostile';
/** Typed by somebody who pasted it. */
const NOBODY = '\u009B31mnobody\u202E';

let server: TestServer;
let home: string;
beforeAll(async () => {
  server = await startTestServer();
  home = await mkdtemp(join(tmpdir(), 'otter-hostile-'));
  await addFirmware(server, '1.1.0');
  await server.checkIn(mac(0), '1.0.0');
  await server.admin('createRollout', { body: { version: '1.1.0', name: ROLLOUT } });
  await server.admin('startRollout', { params: { name: ROLLOUT }, body: {} });
  await server.admin('promoteRollout', { params: { name: ROLLOUT }, body: {} });
  for (const [index, text] of TERMINAL_PAYLOADS.entries()) await write(mac(index), `hostile-${index}`, text);
});
afterAll(async () => {
  await server.end();
  await rm(home, { recursive: true });
});

/** In everything that a board says of itself and an operator writes about it. */
async function write(board: string, label: string, text: string): Promise<void> {
  const check = { mac: board, current_version: '1.0.0' };
  const { body } = await server.device('check-update', {
    ...check,
    library: text,
    fleet_token: text,
    boot: { state: 'confirmed', reason: text, rolled_back_from: text },
    postponed: { reason: text },
    product: 'default',
  });
  for (const members of [
    { product: text },
    { current_version: text },
    { labels: [text] },
    { chip: text },
    { mac: text },
  ])
    await server.device('check-update', { ...check, ...members });
  const report = { mac: board, assignment_id: Number(body['assignment_id'] ?? 0), sequence: 1, status: 'failed' };
  await server.device('report-status', { ...report, error_code: text, detail: text });
  await server.device('report-status', { ...report, error_code: 'flash_failed', detail: text });
  const params = { device: board };
  await server.tryAdmin('createLabel', { body: { name: label, description: text } });
  await server.tryAdmin('createLabel', { body: { name: text } });
  for (const route of ['noteDevice', 'nameDevice', 'setCounted', 'holdDevice'] as const)
    await server.tryAdmin(route, { params, body: { note: text, name: text, counted: 'no', reason: text } });
  await server.tryAdmin('noteDevice', { params, body: { note: text } });
  await server.tryAdmin('nameDevice', { params, body: { name: text } });
  await server.tryAdmin('setCounted', { params, body: { counted: 'no', reason: text } });
  await server.tryAdmin('holdDevice', { params, body: { reason: text } });
  await server.tryAdmin('noteRollout', { params: { name: ROLLOUT }, body: { note: text } });
  await server.tryAdmin('pauseRollout', { params: { name: ROLLOUT }, body: { reason: text } });
  await server.tryAdmin('resumeRollout', { params: { name: ROLLOUT }, body: { reason: text } });
  await server.tryAdmin('freezeProduct', { params: { name: 'default' }, body: { reason: text } });
  await server.tryAdmin('noteFirmware', {
    params: { version: '1.1.0' },
    query: { product: 'default' },
    body: { note: text },
  });
  await server.tryAdmin('getDevice', { params: { device: text } });
  await server.tryAdmin('listDevices', { query: { where: text } });
}

const COMMANDS: readonly (readonly string[])[] = [
  ['status'],
  ['device', 'list', '--limit', '500'],
  ['device', 'show', mac(3)],
  ['device', 'explain', mac(3)],
  ['device', 'enrolments'],
  ['label', 'list'],
  ['firmware', 'list'],
  ['firmware', 'show', '1.1.0'],
  ['rollout', 'list'],
  ['rollout', 'show', ROLLOUT],
  ['rollout', 'waiting', ROLLOUT],
  ['rollout', 'preview', ROLLOUT],
  ['schedule', 'list'],
  ['audit', '--limit', '500'],
  ['events', '--limit', '500'],
  ['board', 'problems'],
  ['device', 'show', NOBODY],
];

test('there are fifty of them, and each is another one', () => {
  expect(new Set(TERMINAL_PAYLOADS).size).toBe(50);
});

test.each(COMMANDS.map((command) => ({ command })))(
  '$command shows none of them, also as JSON',
  async ({ command }) => {
    const where = ['--server', server.url.origin, '--pin', `spki:${server.pin.sha256}`, '--token', server.adminToken];
    for (const more of [[], ['--json']]) {
      const run = await runOtter(home, [...command, ...where, ...more]);
      expect(run.exitCode, run.stderr).toBe(command.includes(NOBODY) ? 2 : 0);
      for (const line of [run.stdout, run.stderr].join('\n').split('\n'))
        expect(NOT_FOR_TERMINALS.exec(line)?.[0], JSON.stringify(line)).toBeUndefined();
    }
  },
);

test('what was kept is read by programs as it was written', async () => {
  const { items } = await server.admin('listDevices', { query: { limit: '500' } });
  const kept = new Set(items.map(({ note }) => note?.text));
  const { items: audit } = await server.admin('listAudit', { query: { action: 'device.note', limit: '500' } });
  expect(kept.size).toBeGreaterThan(8);
  expect(audit.length).toBeGreaterThanOrEqual(kept.size - 1);
  for (const text of kept) if (text !== undefined) expect(TERMINAL_PAYLOADS).toContain(text);
});

test('no cell of a table is a formula', async () => {
  const { csv } = await server.admin('getDeviceTable', { query: {} });
  expect(csv).toContain("'=1+1");
  expect(csv.split(/[\n,]/).filter((cell) => /^"?[=+@]/.test(cell))).toEqual([]);
});

test('no line of the log has one of them, for people and for programs', () => {
  expect(server.logged.length).toBeGreaterThan(TERMINAL_PAYLOADS.length);
  for (const line of server.logged)
    for (const text of [line.trimEnd(), prettyLine(line, { color: false }).trimEnd()])
      expect(NOT_FOR_TERMINALS.exec(text)?.[0], JSON.stringify(text)).toBeUndefined();
});

test.each(TERMINAL_PAYLOADS)('%j in any record of the log is shown and not obeyed', (text) => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  log.warn({ err: new Error(text), [text]: text, device: text }, text);
  for (const line of lines)
    for (const shown of prettyLine(line, { color: false }).split('\n'))
      expect(NOT_FOR_TERMINALS.exec(shown)?.[0], JSON.stringify(shown)).toBeUndefined();
});
