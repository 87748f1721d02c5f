// Export and import of devices as people type them, against a server over real TLS.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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
const file = async (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);

test('devices are written to a file and taken from it, the numbers before the yes', async () => {
  const [one, two] = [await line.newDevice('1.0.0', ['lab']), await line.newDevice('1.0.0')];
  await otter('device', 'note', one, '=cmd');
  const { stdout } = await otter('device', 'export');
  expect(stdout).toBe(`mac,name,labels,note\n${one},,lab,'=cmd\n${two},,,\n`);
  expect((await otter('device', 'export', '--where', 'label lab')).stdout).not.toContain(two);
  expect((await otter('device', 'export', '--excel')).stdout).toBe(
    `\uFEFFmac;name;labels;note\r\n${one};;lab;'=cmd\r\n${two};;;\r\n`,
  );
  expect(JSON.parse((await otter('device', 'export', '--json')).stdout)).toEqual({ csv: stdout, devices: 2 });

  await file('boards.csv', stdout.replace(`${two},,,`, `${two},sensor-2,lab north,`));
  const dry = await otter('device', 'import', 'boards.csv', '--dry-run');
  expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
  expect(dry.stdout).toContain('1 of 2 devices would change (1 names)');
  expect(dry.stdout).toContain('label north: put on 1, it is new');
  expect(dry.stdout).toContain(`line 3: ${two} name none -> sensor-2, + lab north`);
  expect(await otter('device', 'import', 'boards.csv')).toMatchObject({
    stdout: '',
    stderr: expect.stringContaining('change 1 of 2 devices'),
  });
  const done = await otter('device', 'import', 'boards.csv', '--yes');
  expect(done.stdout).toContain('1 of 2 devices changed');
  expect((await line.detail(two)).device).toMatchObject({ name: 'sensor-2', labels: ['lab', 'north'] });
  expect((await otter('device', 'import', 'boards.csv', '--yes')).stdout).toContain('nothing to change');
});

test('what is wrong is said with its line, and nothing is changed', async () => {
  await file('bad.csv', `mac,name\n24:6f,x\n${line.newMac()},y\n`);
  const dry = await otter('device', 'import', 'bad.csv', '--dry-run');
  expect(dry).toMatchObject({ exitCode: 0 });
  expect(dry.stdout).toContain('line 2: mac: "24:6f" is no MAC address');
  const refused = await otter('device', 'import', 'bad.csv', '--yes');
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).toContain('has checked in yet');
  expect(refused.stderr).toContain('2 lines are wrong; nothing was changed');
  await file('worse.csv', 'mac,nmae\n');
  expect((await otter('device', 'import', 'worse.csv')).stderr).toMatch(
    /no column "nmae"[^]*the columns are mac, name, labels, note/,
  );
  expect((await otter('device', 'import', 'missing.csv')).stderr).toContain('there is no such file');
});
