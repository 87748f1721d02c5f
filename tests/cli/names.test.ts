// Names and notes as people type them, against a server over real TLS.

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

test('a device has a name, which stands in every list and wherever a MAC does', async () => {
  const mac = await line.newDevice('1.0.0');
  expect((await otter('device', 'list')).stdout, 'no column without a name').not.toContain('name');
  expect(await otter('device', 'name', mac, 'Sensor 2')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining(`${mac} is Sensor 2`),
  });
  expect((await otter('device', 'list')).stdout).toMatch(new RegExp(`${mac} +Sensor 2 `));
  expect((await otter('device', 'show', 'sensor 2')).stdout).toMatch(/name +Sensor 2/);
  expect((await otter('device', 'explain', 'Sensor 2')).stdout).toContain(`Sensor 2 (${mac})`);
  expect((await otter('events', '--type', 'device.named')).stdout).toContain(`Sensor 2 (${mac})`);
  expect((await otter('device', 'hold', 'sensor 2', '--reason', 'x')).stdout).toContain(`Sensor 2 (${mac}) is held`);
  expect(await otter('device', 'show', 'sensor-3')).toMatchObject({
    stderr: expect.stringContaining('no device has the name sensor-3'),
  });
  expect((await otter('device', 'name', 'Sensor 2', '')).stdout).toContain(`${mac} has no name`);
});

test('a note is shown with who wrote it, and removed by an empty one', async () => {
  const mac = await line.newDevice('1.0.0');
  await line.add('1.1.0');
  await line.rollOut('1.1.0', 'draft');
  const rollout = line.rolloutName('1.1.0');
  const product = ['--product', line.product];
  expect((await otter('device', 'note', mac, 'behind the boiler')).stdout).toContain(`the note on ${mac}: behind`);
  expect((await otter('device', 'show', mac)).stdout).toMatch(/note +behind the boiler \(by admin/);
  await otter('firmware', 'note', '1.1.0', 'needs the new sensor', ...product);
  expect((await otter('firmware', 'show', '1.1.0', ...product)).stdout).toMatch(
    /note +needs the new sensor \(by admin/,
  );
  await otter('rollout', 'note', rollout, 'for the fair');
  expect((await otter('rollout', 'show', rollout)).stdout).toContain('note: for the fair (by admin');
  expect(JSON.parse((await otter('device', 'note', mac, '', '--json')).stdout)).toMatchObject({ mac, note: null });
  expect((await otter('rollout', 'note', rollout, '')).stdout).toContain(`rollout ${rollout} has no note`);
});

test('a board takes the place of another, after the question said what goes over', async () => {
  const [old, heir] = [await line.newDevice('1.0.0', ['lab']), await line.newDevice('1.0.0')];
  await otter('device', 'name', old, 'Pump 7');
  expect(await otter('device', 'replace', 'pump 7', heir)).toMatchObject({
    stderr: expect.stringMatching(/label lab, the name Pump 7.*add --yes/s),
  });
  const done = await otter('device', 'replace', 'Pump 7', heir, '--yes');
  expect(done.stdout).toContain(`Pump 7 (${heir}) takes the place of ${old}, with lab`);
  expect((await otter('device', 'replace', old, heir, '--yes')).stdout).toContain('has taken the place of');
  expect((await otter('device', 'show', old)).stderr).toContain(`device ${old} was replaced by ${heir}`);
  await line.checkIn(old, '1.0.0');
  expect((await otter('device', 'show', old)).stdout).toMatch(
    new RegExp(`was removed +as dev-\\d+ .* \\(by admin\\), replaced by ${heir}, came\\s+back`),
  );
});
