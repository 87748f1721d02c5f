// Holds, freezes and the history of a product as people type them, against a server over real TLS.

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

test('a device is held with its reason, shown as held wherever it is shown, and released', async () => {
  const mac = await line.newDevice('1.0.0');
  const held = await otter('device', 'hold', mac, '--reason', 'at the fair', '--until', '2039-12-24T18:00Z');
  expect(held).toMatchObject({ exitCode: 0, stderr: '' });
  expect(held.stdout).toContain(`${mac} is held: at the fair`);
  expect((await line.detail(mac)).device.hold).toMatchObject({ until: '2039-12-24T18:00:00.000Z', way_back: 'open' });
  expect((await otter('device', 'list')).stdout).toMatch(/ok, held/);
  expect((await otter('device', 'show', mac)).stdout).toMatch(/held +at the fair/);
  expect((await otter('device', 'explain', mac)).stdout).toMatch(/device_held/);
  expect((await otter('status')).stdout).toContain('1 held');
  expect(JSON.parse((await otter('device', 'release', mac, '--json')).stdout)).toMatchObject({ mac, hold: null });
  expect(await otter('device', 'release', mac)).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining(`device ${mac} is not held`),
  });
});

test('a day without a time is its beginning where the person is', async () => {
  const mac = await line.newDevice('1.0.0');
  await otter('device', 'hold', mac, '--reason', 'x', '--until', '2039-12-24', '--way-back', 'hold');
  expect((await line.detail(mac)).device.hold).toMatchObject({
    until: new Date(2039, 11, 24).toISOString(),
    way_back: 'hold',
  });
});

test('a product is frozen, named by the status and the list, and goes on afterwards', async () => {
  await line.newDevice('1.0.0');
  const { product } = line;
  const frozen = await otter('product', 'freeze', product, '--reason', 'before Christmas');
  expect(frozen.stdout).toMatch(new RegExp(`product ${product} is frozen, with \\d+ devices`));
  expect((await otter('status')).stdout).toMatch(new RegExp(`frozen +product ${product}: before Christmas`));
  expect((await otter('product', 'list')).stdout).toMatch(/before Christmas \(by admin/);
  expect((await otter('product', 'unfreeze', product)).stdout).toContain('is not frozen any more');
  expect(await otter('product', 'freeze', `${product}x`, '--reason', 'x')).toMatchObject({
    stderr: expect.stringContaining(`did you mean ${product}?`),
  });
});

test('a test board is shown as one, and counted apart until it is none', async () => {
  const mac = await line.newDevice('1.0.0');
  const on = await otter('device', 'test', mac, 'on', '--reason', 'the bench');
  expect(on.stdout).toContain(`${mac} does not count in gates: a test board`);
  expect((await otter('device', 'list')).stdout).toMatch(/ok, test/);
  expect((await otter('device', 'show', mac)).stdout).toContain('no (test), as an operator said: the bench');
  expect((await otter('status')).stdout).toContain('1 for tests apart');
  expect((await otter('device', 'test', mac, 'off')).stdout).toContain(`${mac} counts in gates as the rules say`);
  expect((await otter('status')).stdout).not.toContain('for tests');
});

test('the history of a product has a line for each hour, and says when the first one comes', async () => {
  const other = new ProductLine(server);
  expect((await otter('product', 'history', other.product)).stdout).toContain(
    `nothing was counted of ${other.product} yet; devices are counted next 2026-11-`,
  );
  await other.newDevice('1.0.0');
  await other.newDevice('1.1.0');
  server.clock.advance(3_600);
  await server.tick();
  const shown = await otter('product', 'history', other.product);
  expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
  expect(shown.stdout).toMatch(/hour +1\.\d\.0 +1\.\d\.0\n2026-11-\d\d \d\d:00 \S+ +1 +1\n/);
  const { hours } = JSON.parse((await otter('product', 'history', other.product, '--hours', '2', '--json')).stdout);
  expect(hours).toMatchObject([{ devices: [1, 1], others: 0 }]);
  expect(await otter('product', 'history', other.product, '--hours', '0')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('hours: 0 is not 1 to 336'),
  });
});
