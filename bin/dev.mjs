// Tasks for people who work on Otter: each is the plain command of a tool, run one after the other, the first failure ends
// it. `test` is what continuous integration runs; `nightly` is what takes too long for that, with OTTER_NIGHTLY=1 set.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const OXLINT = ['oxlint', '--type-aware', 'protocol', 'engine', 'server', 'cli', 'simulator', 'tests', 'bench', 'bin'];

/** Steps as [program, ...arguments]: a tool of node_modules, `node` (this one), or `npm` for a script as a user types it. */
export const TASKS = {
  lint: [['tsc', '-p', '.'], OXLINT, ['prettier', '--check', '--log-level', 'warn', '.'], ['knip']],
  format: [['prettier', '--write', '--log-level', 'warn', '.']],
  unit: [['vitest', 'run']],
  test: [
    ['tsc', '-p', '.'],
    OXLINT,
    ['prettier', '--check', '--log-level', 'warn', '.'],
    ['knip'],
    ['node', 'bin/client.mjs', 'test'],
    ['node', 'bin/client.mjs', 'fuzz'],
    ['vitest', 'run'],
    ['npm', 'run', 'demo'],
    ['npm', 'run', 'bench', '--', '--quick'],
  ],
  nightly: [
    ['vitest', 'run', '--config', 'tests/nightly/nightly.config.ts'],
    ['node', 'bin/client.mjs', 'test'],
    ['node', 'bin/client.mjs', 'riscv'],
    ['node', 'bin/client.mjs', 'fuzz', '900'],
    ['vitest', 'run', '--config', 'tests/simulator/grid.config.ts'],
    ['vitest', 'run', 'tests/process/many-servers.test.ts'],
  ],
  client: [['node', 'bin/client.mjs']],
  demo: [
    ['node', 'bin/client.mjs', 'try-build'],
    ['node', 'simulator/demo.ts'],
  ],
  bench: [['node', 'bench/bench.ts']],
};

/** Resolves with the exit code of the task; further arguments go to its last command. */
export async function runTask([name, ...rest], root) {
  const steps = TASKS[name];
  if (steps === undefined) {
    process.stderr.write(`usage: otter dev ${Object.keys(TASKS).join('|')}\n`);
    return 2;
  }
  if (name === 'nightly') process.env.OTTER_NIGHTLY = '1';
  for (const [index, [tool, ...args]] of steps.entries()) {
    const extra = index === steps.length - 1 ? rest : [];
    const { status, signal } = await run([...programOf(tool, root), ...args, ...extra], root);
    if (status !== 0) {
      if (signal !== 'SIGINT' && status !== 130)
        process.stderr.write(`otter: ${tool} ended with ${status ?? signal}\n`);
      return status ?? 130;
    }
  }
  return 0;
}

/** Ctrl-C reaches the task through the terminal; this process waits until the task has cleaned up. */
function run([program, ...args], cwd) {
  // On Windows npm is a script of the shell.
  const child = spawn(program, args, {
    cwd,
    stdio: 'inherit',
    shell: program === 'npm' && process.platform === 'win32',
  });
  const passOn = (signal) => child.kill(signal);
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  process.on('SIGTERM', passOn);
  return new Promise((resolve) => {
    child.once('exit', (status, signal) => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', passOn);
      resolve({ status, signal });
    });
  });
}

function programOf(tool, root) {
  if (tool === 'npm') return ['npm'];
  return tool === 'node' ? [process.execPath] : [process.execPath, entryOf(tool, root)];
}

/** The script of a tool in node_modules, so that it runs under this Node whatever the system's is. */
function entryOf(tool, root) {
  return join(
    root,
    'node_modules',
    '.bin',
    readdirSync(join(root, 'node_modules', '.bin')).includes(tool) ? tool : `${tool}.cmd`,
  );
}
