// Logins: a server is kept with its pin and token, and every command goes there from every folder. Over real TLS, with Otter's
// own server where its answers matter.

import { mkdtemp, readdir, readFile, rm, stat, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { formatPin } from '#protocol/pinned-https.ts';
import { runOtter } from '../../support/otter-command.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { answerJson, startSmallServer } from '../../support/server/small-admin.ts';
import { hasScript, typeOnTerminal } from '../../support/typed-command.ts';

let server: TestServer;
let home: string;
beforeAll(async () => {
  server = await startTestServer({ dialect: 'sqlite' });
});
afterAll(async () => server.end());
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'otter-contexts-'));
  const made = home;
  onTestFinished(async () => rm(made, { recursive: true, force: true }));
});

const settings = (...names: readonly string[]): string => path.join(home, '.config', 'otter', ...names);
const otter = async (...args: readonly string[]) => runOtter(home, args);
const pin = (): string => formatPin(server.pin);
const url = (): string => server.url.origin;
const login = async (...more: readonly string[]) =>
  otter('login', url(), '--pin', pin(), '--token', server.adminToken, ...more);

test('after a login every command goes to that server, with its pin and token', async () => {
  expect(await login()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('logged in to Otter') });
  expect(JSON.parse((await otter('label', 'list', '--json')).stdout)).toHaveProperty('items');
  const [file = ''] = await readdir(settings('contexts'));
  expect(file).toBe(`127.0.0.1-${server.url.port}.json`);
  expect((await stat(settings('contexts', file))).mode & 0o777).toBe(0o600);
  expect((await stat(settings('contexts'))).mode & 0o777).toBe(0o700);
});

test('a token that the server refuses, or another pin, is not kept', async () => {
  expect(await otter('login', url(), '--pin', pin(), '--token', 'ota_wrong')).toMatchObject({ exitCode: 4 });
  const other = `spki:${'ab'.repeat(32)}`;
  expect(await otter('login', url(), '--pin', other, '--token', server.adminToken)).toMatchObject({ exitCode: 5 });
  await expect(readdir(settings('contexts'))).rejects.toThrow('ENOENT');
});

test('where nobody can be asked, a login wants pin and token', async () => {
  const noPin = await otter('login', url(), '--token', 'x', '--json');
  expect(noPin.exitCode).toBe(2);
  expect(JSON.parse(noPin.stdout).error).toMatchObject({ code: 'pin_needed', hint: expect.stringContaining(pin()) });
  const noToken = await otter('login', url(), '--pin', pin());
  expect(noToken).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('--token-file') });
});

test.skipIf(!hasScript())(
  'on a terminal it shows the pin and asks; the token is asked for and stays invisible',
  async () => {
    const token = server.adminToken;
    const shown = await typeOnTerminal(
      home,
      [
        ['[y/N]', 'y\n'],
        ['Admin token:', `${token}\n`],
      ],
      ['login', url()],
    );
    expect(shown).toContain(pin());
    expect(shown).toContain('logged in to Otter');
    expect(shown).not.toContain(token);
    expect(await otter('status')).toMatchObject({ exitCode: 0 });
  },
);

test('several are told apart by name, and local is the server of this machine', async () => {
  const other = await startSmallServer((_request, response) =>
    answerJson(response, 200, { items: [], next_cursor: null }),
  );
  onTestFinished(other.stop);
  await login('--name', 'here');
  await login('--name', 'there');
  const inUse = async (): Promise<string> =>
    JSON.parse((await otter('context', 'list', '--json')).stdout).items.find((one: { in_use: boolean }) => one.in_use)
      .name;
  expect(await inUse()).toBe('there');
  await otter('context', 'use', 'here');
  expect(await inUse()).toBe('here');
  expect((await otter('context', 'list')).stdout).toMatch(/^> +here/m);
  await otter('context', 'use', 'local');
  expect(await otter('label', 'list', '--home', home)).toMatchObject({ exitCode: 5 });
  expect(await otter('context', 'use', 'nowhere')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('there are: local, here, there'),
  });
  expect(await login('--name', 'local')).toMatchObject({ exitCode: 3 });
  expect(await login('--name', '../up')).toMatchObject({ exitCode: 3 });
});

test('what is typed and the environment win over the context in use; its token goes to no other server', async () => {
  await login();
  const asked: (string | undefined)[] = [];
  const other = await startSmallServer((request, response) => {
    asked.push(request.headers.authorization);
    answerJson(response, 200, { items: [], next_cursor: null });
  });
  onTestFinished(other.stop);
  const there = ['--pin', other.pin];
  expect(await otter('label', 'list', '--server', other.url, ...there)).toMatchObject({ exitCode: 4 });
  expect(asked).toEqual([]);
  const env = { OTTER_SERVER: other.url, OTTER_PIN: other.pin, OTTER_TOKEN: 'of-the-environment' };
  expect(await runOtter(home, ['label', 'list'], { env })).toMatchObject({ exitCode: 0 });
  expect(asked).toEqual(['Bearer of-the-environment']);
});

test('a server that is named by its address is known from its login', async () => {
  await login();
  await otter('context', 'use', 'local');
  expect(await otter('label', 'list', '--server', url())).toMatchObject({ exitCode: 0 });
});

test('logout forgets the token, and commands go to the server of this machine again', async () => {
  await login('--name', 'here');
  expect(await otter('logout')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('commands go to: local'),
  });
  expect(await readdir(settings('contexts'))).toEqual([]);
  expect(await otter('logout')).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('no context is in use') });
});

test('a file that others can read, or that is damaged, is refused and named', async () => {
  await login('--name', 'here');
  const file = settings('contexts', 'here.json');
  await chmod(file, 0o644);
  expect(await otter('status')).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(`chmod 600 ${file}`) });
  await chmod(file, 0o600);
  await writeFile(file, '{"server": "https://localhost"}');
  expect(await otter('status')).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(`${file} is damaged`) });
  expect(await readFile(file, 'utf8')).toContain('localhost');
});
