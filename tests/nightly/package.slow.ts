// `npm pack`, then a global install of what it packed, as a person does it: into a folder of its own, from the registry or npm's
// cache. Where neither has the packages, it is skipped and says so.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '../..');
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED/;
const MOST_PACKED_BYTES = 1_300_000;

const folder = mkdtempSync(join(tmpdir(), 'otter-package-'));
const prefix = join(folder, 'prefix');
const home = join(folder, 'person');
const program = join(prefix, 'bin/otter');
const installed = join(prefix, 'lib/node_modules', packageJson.name);
const cache = run('npm', ['config', 'get', 'cache']).stdout.trim();

describe('an installed package', () => {
  let packed: readonly { readonly path: string }[] = [];
  let install: ReturnType<typeof run>;

  beforeAll(() => {
    mkdirSync(home);
    const pack = run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
    expect(pack).toMatchObject({ status: 0 });
    const [found] = JSON.parse(pack.stdout.slice(pack.stdout.indexOf('[')));
    packed = found.files;
    expect(found.size).toBeLessThan(MOST_PACKED_BYTES);
    const options = ['--prefix', prefix, '--cache', cache, '--prefer-offline', '--no-audit', '--no-fund'];
    install = run('npm', ['install', '--global', ...options, join(folder, found.filename)]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(({ skip }) => {
    if (install.status !== 0 && NO_NETWORK.test(install.stderr)) skip('no npm registry is reachable');
  });

  test('holds what a user needs, and packing leaves nothing behind', () => {
    expect(install).toMatchObject({ status: 0 });
    const tops = new Set(packed.map(({ path }) => path.split('/')[0]));
    expect([...tops].toSorted((left = '', right = '') => (left < right ? -1 : 1))).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'dist',
      'man',
      'npm-shrinkwrap.json',
      'package.json',
      'runtime',
    ]);
    expect(packed.filter(({ path }) => /\.ts$|tests?\//.test(path))).toEqual([]);
    for (const left of ['dist', 'npm-shrinkwrap.json']) expect(existsSync(join(ROOT, left))).toBe(false);
  });

  // npm keeps to the shrinkwrap of a package from a registry alone; of a file it takes what the package names exactly.
  test('has the versions that were tested, and nothing for tests', () => {
    for (const [name, version] of Object.entries(packageJson.dependencies))
      expect({ name, version: readJson(join(installed, 'node_modules', name, 'package.json')).version }).toEqual({
        name,
        version,
      });
    // Some of them are also packages that a dependency needs.
    const packages: Readonly<Record<string, Locked>> = readJson(join(ROOT, 'package-lock.json')).packages;
    for (const name of Object.keys(packageJson.devDependencies))
      if (packages[`node_modules/${name}`]?.dev === true)
        expect({ name, isThere: existsSync(join(installed, 'node_modules', name)) }).toEqual({ name, isThere: false });
    const tested = Object.entries(packages)
      .filter(([path, { dev }]) => path !== '' && dev !== true)
      .map(([path, { version }]) => [path, version]);
    const kept = Object.entries<Locked>(readJson(join(installed, 'npm-shrinkwrap.json')).packages);
    expect(kept.filter(([path]) => path !== '').map(([path, { version }]) => [path, version])).toEqual(tested);
  });

  test('runs under both of its names, from any folder', () => {
    for (const name of [program, join(prefix, 'bin', packageJson.name)])
      expect(run(name, ['--version'])).toMatchObject({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' });
    expect(run(program, ['dev', 'test'])).toMatchObject({ status: 2, stderr: expect.stringContaining('clone') });
    expect(existsSync(join(prefix, 'share/man/man1/otter.1'))).toBe(true);
  });

  test('keeps its server in the folder of the user, and never types npx', async () => {
    const before = listFiles(installed);
    const server = spawn(program, ['start', '--port', '0'], {
      cwd: folder,
      env: environment({ OTTER_HOST: '127.0.0.1' }),
    });
    const said = { text: '' };
    for (const stream of [server.stdout, server.stderr])
      stream.on('data', (chunk: Buffer) => (said.text += chunk.toString()));
    const ended = new Promise((resolve) => void server.once('close', resolve));
    await vi.waitFor(() => expect(said.text).toContain('Otter is ready at'), { timeout: 60_000, interval: 50 });
    expect(said.text).toContain('\n  otter status\n');
    expect(said.text).toContain(join(home, '.local/share/otter/data/tokens/admin.token'));
    const status = run(program, ['status']);
    const simulated = run(program, ['simulate', '--devices', '2', '--poll', '1s', '--for', '3s']);
    const drafted = run(program, ['label', 'create', 'lab']);
    const url = /https:\/\/[\w.]+:\d+/.exec(said.text)?.[0] ?? '';
    const page = await load(url);
    const script = await load(new URL(/src="([^"]+\.js)"/.exec(page)?.[1] ?? '', url).href);
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(status).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`Otter ${packageJson.version} on sqlite`),
    });
    expect(page).toContain('<title>Otter</title>');
    expect(script.length).toBeGreaterThan(100_000);
    expect(simulated).toMatchObject({ status: 0 });
    expect(drafted).toMatchObject({ status: 0, stdout: expect.stringContaining('next: otter device label') });
    expect(listFiles(installed)).toEqual(before);
  });

  test('is a server of its own where one was set up in the current folder', () => {
    const here = join(folder, 'here');
    mkdirSync(here);
    expect(run(program, ['init', '--home', '.'], { cwd: here })).toMatchObject({ status: 0 });
    expect(run(program, ['cert', 'show', '--json'], { cwd: here }).stdout).toContain(here);
  });
});

interface Locked {
  readonly version: string;
  readonly dev?: boolean;
}

function readJson(file: string) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  return { PATH: path, HOME: home, ...more };
}

function run(command: string, args: readonly string[], options: { readonly cwd?: string } = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: options.cwd ?? folder,
    env: command === 'npm' && args[0] === 'config' ? process.env : environment(),
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

async function load(url: string): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { rejectUnauthorized: false }, resolve).once('error', reject);
  });
  return text(response);
}

function listFiles(top: string): readonly string[] {
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .map((name) => `${name} ${statSync(join(top, name)).mtimeMs}`)
    .toSorted();
}
