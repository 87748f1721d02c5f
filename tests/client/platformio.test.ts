// `pio run -t otter`: the script of client/extras/platformio, run by a real Python against a real server. What PlatformIO brings
// (`Import`, the environment of SCons) is a few lines here: PlatformIO itself is not part of the tests.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OTTER } from '../support/otter-command.ts';
import { ProductLine } from '../support/product-line.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { ROOT } from '../docs/markdown.ts';
import { buildDeviceImage } from './support/device-image.ts';

const SCRIPT = join(ROOT, 'client/extras/platformio/otter.py');
const HAS_PYTHON = spawnSync('python3', ['--version']).status === 0;

/** Runs the script as PlatformIO does, and then the action of its target, whose number is the exit code. */
const RUNNER = `
import json, os, sys
class Environment:
    def __init__(self, options): self.options, self.target = options, None
    def AddCustomTarget(self, **target): self.target = target
    def GetProjectOption(self, name, default): return self.options.get(name, default)
    def subst(self, text): return text.replace("$BUILD_DIR", os.environ["BUILD_DIR"]).replace("\${PROGNAME}", "firmware")
env = Environment(json.loads(os.environ["OPTIONS"]))
names = {"Import": lambda name: None, "env": env}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), names)
assert env.target["name"] == "otter" and env.subst(env.target["dependencies"]).endswith("firmware.bin")
sys.exit(env.target["actions"](None, None, env))
`;

let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'otter-pio-'));
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

describe.runIf(HAS_PYTHON)('pio run -t otter', () => {
  test('uploads the image and starts a rollout for one label', async () => {
    const line = new ProductLine(server);
    await writeFile(join(folder, 'firmware.bin'), buildDeviceImage({ product: line.product, version: '1.1.0' }));
    const mac = await line.newDevice('1.0.0', ['bench']);
    const run = await runTarget({ custom_otter_pilot: 'bench', custom_otter_command: command() });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain(`otter: rollout ${line.product}-1.1.0 is running.`);
    expect(await line.explain(mac)).toMatchObject({ outcome: 'install' });
    const other = await line.newDevice('1.0.0', ['pilot']);
    expect(await line.explain(other)).toMatchObject({ outcome: 'hold', reason: 'not_in_stage' });
  });

  test('says what the server said where it refuses', async () => {
    await writeFile(join(folder, 'firmware.bin'), 'not an image');
    const run = await runTarget({ custom_otter_command: command() });
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toMatch(/^otter: failed: .*image/s);
  });

  test('says what to do where there is no command', async () => {
    const run = await runTarget({ custom_otter_command: join(folder, 'nothing') });
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('custom_otter_command');
  });
});

test.skipIf(HAS_PYTHON)('the script for PlatformIO needs python3, which is not here', () => undefined);

function command(): string {
  return OTTER.map((word) => `'${word}'`).join(' ');
}

async function runTarget(
  options: Readonly<Record<string, string>>,
): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    BUILD_DIR: folder,
    OPTIONS: JSON.stringify(options),
    OTTER_HOME: server.home,
  };
  const child = spawn('python3', ['-c', RUNNER, SCRIPT], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}
