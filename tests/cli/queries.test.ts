// Queries as people type them, against a server over real TLS.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OtterRun, runOtter } from '../support/otter-command.ts';
import { ProductLine } from '../support/product-line.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

let server: TestServer;
let folder: string;
let line: ProductLine;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
  line = new ProductLine(server);
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

const otter = async (...args: readonly string[]): Promise<OtterRun> =>
  runOtter(folder, [...args, '--home', server.home]);

test('a list has the devices that a query means, and says how many there are where it is cut', async () => {
  const old = await line.newDevice('1.3.0', ['lab']);
  const older = await line.newDevice('1.2.0', ['lab']);
  await line.newDevice('1.4.0', ['lab']);
  const whole = await otter('device', 'list', '--where', 'version<1.4 label:lab', '--json');
  expect(JSON.parse(whole.stdout)).toMatchObject({ items: [{ mac: old }, { mac: older }] });
  const cut = await otter('device', 'list', '--where', 'version < 1.4 and label lab', '--limit', '1');
  expect(cut).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('1 of 2; --all shows all') });
});

test('says how many there are of each kind, or by one', async () => {
  const where = `product = ${line.product} and label lab`;
  const all = await otter('device', 'numbers', '--where', where);
  expect(all).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/version +1\.2\.0 +1\n/) });
  expect(all.stdout).toContain('3 devices');
  const one = await otter('device', 'numbers', '--by', 'label', '--where', where, '--json');
  expect(JSON.parse(one.stdout)).toEqual({
    devices: 3,
    numbers: [{ by: 'label', values: [{ value: 'lab', devices: 3 }], more: 0 }],
  });
});

test('a query that cannot be read is shown with a caret at the place; in JSON the place is a number', async () => {
  const where = 'label lab and chop = esp32';
  expect(await otter('device', 'list', '--where', where)).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining(
      'where: at character 15: there is no field "chop"; did you mean chip?\n  label lab and chop = esp32\n                ^\n',
    ),
  });
  const { stdout } = await otter('device', 'list', '--where', where, '--json');
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'query_invalid', position: 15 } });
});

test('its language is a topic of the help', async () => {
  const { stdout, exitCode } = await runOtter('/', ['help', 'query']);
  expect(exitCode).toBe(0);
  for (const word of ['chip = esp32c3', 'not seen for 7d', 'known bad 1.4.0', 'held']) expect(stdout).toContain(word);
  for (const shown of stdout.split('\n')) expect(shown.length).toBeLessThan(80);
});

test('what is done to all that a query means says how many they are, and asks', async () => {
  const where = `product = ${line.product} and version = 5.0.0`;
  const macs = [await line.newDevice('5.0.0'), await line.newDevice('5.0.0')];
  expect(await otter('device', 'label', 'spring', '--where', where)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('2 devices are meant; put label spring on 2 devices? This needs a yes'),
  });
  const labelled = await otter('device', 'label', 'spring', '--where', where, '--limit', '1', '--yes');
  expect(labelled).toMatchObject({ exitCode: 0, stdout: 'label spring put on 1 device\n' });
  expect((await line.detail(macs[0] ?? '')).device.labels).toEqual(['spring']);
  const again = await otter('device', 'label', 'spring', '--where', where, '--limit', '1', '--yes');
  expect(again.stdout).toBe('2 devices are meant; nothing to do\n');
  const held = await otter('device', 'hold', '--where', where, '--reason', 'at the fair', '--yes', '--json');
  expect(JSON.parse(held.stdout)).toMatchObject({ matched: 2, to_change: 2, changed: 2 });
  expect((await otter('device', 'release', '--where', where, '--yes')).stdout).toBe('released 2 devices\n');
  const forgiven = await otter('device', 'clear-known-bad', '--where', where, '--yes');
  expect(forgiven.stdout).toBe('2 devices are meant; nothing to do\n');
  expect((await otter('device', 'unlabel', 'spring', '--where', where, '--yes')).stdout).toContain(
    'taken off 1 device',
  );
  expect((await otter('device', 'remove', '--where', where, '--yes')).stdout).toBe('removed 2 devices\n');
});

test.each([
  [['hold', '--reason', 'x'], 'it is not said which device'],
  [['hold', '24:6f:28:aa:bb:cc', '--reason', 'x', '--where', 'silent'], 'both 24:6f:28:aa:bb:cc and --where are said'],
  [['remove', '24:6f:28:aa:bb:cc', '--limit', '3'], '--limit is for --where'],
  [['label', '24:6f:28:aa:bb:cc'], 'the label is missing'],
  [['label', '24:6f', 'pilot'], 'device 24:6f is invalid'],
  [['label', 'pilot', 'pilot', '--where', 'silent'], 'both pilot and --where are said'],
])('%j is a wrong command line: %s', async (args, message) => {
  expect(await otter('device', ...args)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
});

test('a label with a query says whom it means before it is made, and shows its query', async () => {
  const mac = await line.newDevice('7.0.0');
  const where = 'version = 7.0.0';
  expect(await otter('label', 'create', 'sevens', '--where', where)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining(`the query means 1 devices now: ${mac}\n`),
  });
  const made = await otter('label', 'create', 'sevens', '--where', where, '--yes');
  expect(made.stdout).toBe('label sevens created, on 1 devices\n');
  expect((await otter('label', 'list')).stdout).toMatch(/sevens +1 +version = 7\.0\.0/);
  expect((await otter('label', 'set', 'sevens', '--where', 'version = 8.0.0', '--yes')).stdout).toBe(
    'label sevens is on 0 devices now\n',
  );
  expect(await otter('device', 'label', mac, 'sevens')).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('label sevens is dynamic'),
  });
  expect(await otter('label', 'create', 'wrong', '--where', 'chop')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('\n  chop\n  ^\n'),
  });
});

test('boards that come and go, and those that are late, are lists of their own, with their usual gap', async () => {
  const [flapping, steady] = [line.newMac(), line.newMac()];
  for (const gapS of [600, 20_000, 600, 20_000, 600]) {
    for (const mac of [flapping, steady]) await line.checkIn(mac, '9.0.0');
    for (let rest = gapS; rest > 0; rest -= 600) {
      server.clock.advance(Math.min(600, rest));
      if (rest > 600) await line.checkIn(steady, '9.0.0');
    }
  }
  await line.checkIn(flapping, '9.0.0');
  const list = async (...args: readonly string[]) => {
    const { stdout } = await otter('device', 'list', '--where', 'version = 9.0.0', '--json', ...args);
    const { items }: { readonly items: readonly { readonly mac: string }[] } = JSON.parse(stdout);
    return items.map(({ mac }) => mac);
  };
  expect(await list('--flapping')).toEqual([flapping]);
  expect(await list('--overdue')).toEqual([]);
  expect((await otter('device', 'list', '--flapping')).stdout).toMatch(/usual gap[^]*5 h, flapping|20000 s, flapping/);
  expect((await otter('device', 'show', flapping)).stdout).toMatch(/usual gap +.*flapping/);
  server.clock.advance(1_900);
  expect(await list('--overdue')).toContain(steady);
  expect(await list('--overdue', '--flapping'), 'it takes longer from check to check').toEqual([]);
});

test('a query is kept by a name, listed with how many boards it means, used as @NAME, and forgotten', async () => {
  const mac = await line.newDevice('6.0.0');
  expect((await otter('query', 'save', 'sixes', 'version = 6.0.0')).stdout).toContain(
    'query sixes means 1 devices now',
  );
  expect((await otter('query', 'list')).stdout).toMatch(/@sixes +1 +version = 6\.0\.0 +admin/);
  expect((await otter('device', 'list', '--where', '@sixes')).stdout).toContain(mac);
  expect((await otter('query', 'remove', 'sixes', '--yes')).stdout).toBe('query sixes is forgotten\n');
  expect(await otter('device', 'list', '--where', 'held or @sixes')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('\n  held or @sixes\n          ^\n'),
  });
});
