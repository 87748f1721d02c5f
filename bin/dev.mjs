// Tasks for people who work on Otter: each is the plain command of a tool, run one after the other or beside each other; the
// first failure ends it. `test` is what continuous integration runs; `nightly` is what takes too long for that, with
// OTTER_NIGHTLY=1 set.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';

const OXLINT = [
  'oxlint',
  '--type-aware',
  'protocol',
  'engine',
  'server',
  'cli',
  'simulator',
  'dashboard',
  'tests',
  'bench',
  'bin',
];

const LINT = [
  ['tsc', '-p', '.'],
  ['tsc', '-p', 'dashboard'],
  OXLINT,
  ['prettier', '--check', '--log-level', 'warn', '.'],
  ['knip'],
];

/** Tests without a server, a process or a file to wait for: seconds in all. */
const PURE = [
  ...['engine', 'protocol', 'config', 'time', 'esp-image', 'storage/block-cache'].map((name) => `tests/${name}`),
  ...['cli/arguments', 'simulator/simulation', 'simulator/seed'].map((name) => `tests/${name}`),
];

/**
 * Steps as [program, ...arguments]: a tool of node_modules, `node` (this one), or `npm` for a script as a user types it. Lists
 * of steps in `beside` run at the same time: what computes beside what waits.
 */
export const TASKS = {
  lint: LINT,
  format: [['prettier', '--write', '--log-level', 'warn', '.']],
  unit: [['vitest', 'run']],
  pure: [['vitest', 'run', ...PURE]],
  test: [
    // Nothing to do where this was built before.
    ['node', 'bin/client.mjs', 'prepare'],
    {
      beside: [
        // Waits most of its time, but a clock runs fast in it, and with it the patience of a board: the others give way.
        [['npm', 'run', 'demo']],
        [
          ...LINT,
          ['node', 'bin/client.mjs', 'test'],
          ['node', 'bin/client.mjs', 'replay'],
          ['npm', 'run', 'bench', '--', '--quick'],
        ],
      ],
    },
    ['vitest', 'run'],
  ],
  nightly: [
    ['node', 'bin/client.mjs', 'test'],
    // All tests in their whole size, on both databases.
    ['vitest', 'run'],
    ['vitest', 'run', '--config', 'tests/nightly/nightly.config.ts'],
    ['node', 'bin/client.mjs', 'riscv'],
    ['node', 'bin/client.mjs', 'fuzz', '900'],
    ['vitest', 'run', '--config', 'tests/simulator/grid.config.ts'],
  ],
  client: [['node', 'bin/client.mjs']],
  demo: [
    ['node', 'bin/client.mjs', 'try-build'],
    ['node', 'simulator/demo/demo.ts'],
  ],
  bench: [['node', 'bench/bench.ts']],
  dashboard: [['vite', 'build', 'dashboard', '--config', 'dashboard/vite.config.ts', '--configLoader', 'native']],
  pictures: [['vitest', 'run', '--config', 'tests/dashboard/pictures.config.ts']],
  images: [['node', 'simulator/images/write-images.ts']],
  prepack: [['node', '--disable-warning=ExperimentalWarning', 'bin/pack.mjs', 'make']],
  postpack: [['node', 'bin/pack.mjs', 'clean']],
};

/** Resolves with the exit code of the task; further arguments go to its last command. */
export async function runTask([name, ...rest], root) {
  const steps = TASKS[name];
  if (steps === undefined) {
    process.stderr.write(`usage: otter dev ${Object.keys(TASKS).join('|')}\n`);
    return 2;
  }
  if (name === 'nightly') process.env.OTTER_NIGHTLY = '1';
  const last = steps.at(-1);
  const run = { root, children: new Set(), code: 0 };
  await runSteps(Array.isArray(last) ? [...steps.slice(0, -1), [...last, ...rest]] : steps, run, 'terminal');
  return run.code;
}

/**
 * Of lists beside each other the first has the terminal and goes before: what a step of the others says is printed when it ends,
 * and they compute when the first does not.
 */
async function runSteps(steps, run, output) {
  for (const step of steps) {
    if (run.code !== 0) return;
    if (Array.isArray(step)) await runStep(step, run, output);
    else await Promise.all(step.beside.map((list, index) => runSteps(list, run, index === 0 ? output : 'kept')));
  }
}

/** The first failure ends everything that runs. */
async function runStep([tool, ...args], run, output) {
  const { status, signal } = await spawnStep([...programOf(tool, run.root), ...args], run, output);
  if (status === 0 || run.code !== 0) return;
  run.code = status ?? 130;
  if (signal !== 'SIGINT' && status !== 130)
    process.stderr.write(`otter: ${[tool, ...args].join(' ')} ended with ${status ?? signal}\n`);
  for (const child of run.children) child.kill('SIGTERM');
}

/** Ctrl-C reaches the task through the terminal; this process waits until the task has cleaned up. */
function spawnStep([program, ...args], { root, children }, output) {
  const child = spawn(program, args, {
    cwd: root,
    stdio: output === 'terminal' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    // On Windows npm is a script of the shell.
    shell: program === 'npm' && process.platform === 'win32',
  });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => said.push(bytes));
  const passOn = (signal) => child.kill(signal);
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  process.on('SIGTERM', passOn);
  process.on('SIGHUP', passOn);
  children.add(child);
  if (output === 'kept' && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  return new Promise((resolve) => {
    child.once('close', (status, signal) => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', passOn);
      process.off('SIGHUP', passOn);
      children.delete(child);
      process.stdout.write(Buffer.concat(said));
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
