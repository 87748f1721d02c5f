// The launcher in a fresh clone, as a newcomer has it: nothing installed, an older Node. Installs from the npm registry, so it
// takes about a minute and is no part of `npm test`; run it with
//   npx vitest run --config tests/process/launcher.config.ts

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/;

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const older = findOlderNode();
const folder = mkdtempSync(join(tmpdir(), 'otter-launcher-'));
const clone = join(folder, 'clone');
const launcher = join(clone, 'bin/otter.mjs');

describe.skipIf(older === undefined)('in a fresh clone, under an older Node (skipped where PATH has none)', () => {
  let first: Run;

  beforeAll(() => {
    spawnSync('git', ['clone', '--quiet', ROOT, clone], { stdio: 'inherit' });
    first = run('node', [launcher, '--version']);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(({ skip }) => {
    if (first.code === 69 && NO_NETWORK.test(first.stderr)) skip('the npm registry is not reachable');
  });

  test('the first command installs what is missing, and nothing of that is on stdout', () => {
    expect(first).toMatchObject({ code: 0, stdout: `${packageJson.version}\n` });
    expect(first.stderr).toContain('installing packages');
    expect(first.stderr).toContain('installing Node 24');
    expect(run('git', ['status', '--porcelain'], { cwd: clone }).stdout).toBe('');
  });

  test('the second says nothing of its own and runs under Node 24', () => {
    const reporter = join(folder, 'report-version.cjs');
    writeFileSync(reporter, 'process.on("exit", () => process.stderr.write(process.versions.node + "\\n"));');
    const { code, stdout, stderr } = run('node', [launcher, '--version'], {
      env: { NODE_OPTIONS: `--require ${reporter}` },
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${packageJson.version}\n` });
    const [inner, outer, ...more] = stderr.trim().split('\n');
    expect(inner).toMatch(/^24\./);
    expect(outer).toBe(older?.version);
    expect(more).toEqual([]);
  });

  test('the exit code is that of the command', () => {
    expect(run('node', [launcher, 'nonsense']).code).toBe(2);
    expect(run('node', [launcher, 'serve', '--home', join(folder, 'none')]).code).toBe(78);
  });

  test('works through a symlink, and as npx otter in the clone', () => {
    symlinkSync(launcher, join(folder, 'otter'));
    expect(run(join(folder, 'otter'), ['--version'])).toMatchObject({ code: 0, stdout: `${packageJson.version}\n` });
    expect(run('npx', ['otter', '--version'], { cwd: clone })).toMatchObject({
      code: 0,
      stdout: `${packageJson.version}\n`,
    });
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s reaches the server, and no process is left', async (signal) => {
    const home = mkdtempSync(join(folder, 'home-'));
    const child = spawn('node', [launcher, 'start', '--home', home, '--port', '0'], {
      cwd: clone,
      env: environment({ OTTER_HOST: '127.0.0.1' }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const output = collect(child);
    await until(() => output.stderr.includes('Otter is ready at'), 'the server', 30_000);
    expect(listProcesses(home).length).toBeGreaterThan(1);
    child.kill(signal);
    await once(child, 'close');
    expect(child.exitCode).toBe(0);
    expect(output.stdout).toContain('"msg":"stopped"');
    expect(listProcesses(home)).toEqual([]);
  });

  test('an installation that was interrupted is repaired, and its lock holds up nobody', () => {
    rmSync(join(clone, 'node_modules/.otter-installed'));
    rmSync(join(clone, 'node_modules/fastify'), { recursive: true });
    const dead = spawnSync('node', ['--eval', '']).pid;
    writeFileSync(join(clone, '.otter-installing'), String(dead));
    const repaired = run('node', [launcher, 'serve', '--home', join(folder, 'none')]);
    expect(repaired.code).toBe(78);
    expect(repaired.stderr).toContain('installing packages');
    expect(existsSync(join(clone, 'node_modules/fastify/package.json'))).toBe(true);
    expect(existsSync(join(clone, '.otter-installing'))).toBe(false);
  });
});

/** The first Node of PATH that cannot run Otter itself. */
function findOlderNode(): { readonly folder: string; readonly version: string } | undefined {
  for (const candidate of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = join(candidate, 'node');
    if (!existsSync(node) || !existsSync(join(candidate, 'npm'))) continue;
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1);
    if (Number(version.split('.')[0]) < 22) return { folder: candidate, version };
  }
  return undefined;
}

/** The person's own, with the older Node in front and without what the npm of this test run exports. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|OTTER_|VITEST)/i.test(name));
  const path = [older?.folder ?? '', dirname('/usr/bin/git'), '/bin'].join(delimiter);
  return { ...Object.fromEntries(own), PATH: path, ...more };
}

function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Run {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: options.cwd ?? folder,
    env: environment(options.env),
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return output;
}

/** Processes whose command line names this home (Linux). */
function listProcesses(home: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readQuietly(`/proc/${pid}/cmdline`))
    .filter((commandLine) => commandLine.includes(home));
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function until(holds: () => boolean, what: string, timeoutMs: number): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > giveUpAt) throw new Error(`${what} did not come within ${timeoutMs / 1000} s`);
    await delay(50);
  }
}
