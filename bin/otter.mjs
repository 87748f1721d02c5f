#!/usr/bin/env node
// The launcher: brings what is missing and hands over. Plain JavaScript without dependencies, so that any Node from 18 runs
// it in a fresh clone: it installs the packages (`npm ci`), and where the system's Node is older than 22.18 it takes
// Node 24 from npm and goes on with that. In a package that npm installed (see pack.mjs) npm has brought the packages, and
// what this program keeps is in the user's cache, for others may not write there. It knows nothing of firmware or fleets.
//
//   otter <command>          the command line (see cli/)
//   otter dev <task>         test, lint, format, demo, bench, images: for people who work on Otter

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Installed from a package: the program is in dist/, as JavaScript. */
const isPackage = !existsSync(join(root, 'cli', 'main.ts'));

/** The first that runs TypeScript as it is, and whose SQLite says whether a transaction is open. Node 23 lacks the latter. */
const LOWEST_NODE = [22, 18];

process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  const isDev = args[0] === 'dev';
  stopWithNpm();
  if (isDev && isPackage) {
    process.stderr.write('otter: dev is for people who work on Otter; type it in a clone of its repository\n');
    return 2;
  }
  if (!isPackage && !install(root, isDev ? 'dev' : 'production')) return 69;
  if (!isNewEnough(process.versions.node)) {
    const node = newerNode();
    if (node !== undefined) return runUnder(node, args);
    process.stderr.write(
      `otter: needs Node ${LOWEST_NODE.join('.')} or newer; this is ${process.versions.node}, and npm has no Node 24 for ${process.platform} ${process.arch}. Install Node 24.\n`,
    );
    return 78;
  }
  if (isDev) {
    const { runTask } = await import(pathToFileURL(join(root, 'bin', 'dev.mjs')).href);
    return runTask(args.slice(1), root);
  }
  // Compiled code is kept between runs: the command line starts in half the time.
  module.enableCompileCache?.(
    isPackage ? join(userCache(), 'compiled') : join(root, 'node_modules', '.cache', 'compiled'),
  );
  const program = isPackage ? join('dist', 'cli', 'main.js') : join('cli', 'main.ts');
  const cli = await import(pathToFileURL(join(root, program)).href);
  return cli.main(args);
}

function userCache() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'otter');
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major >= 24 || (major === LOWEST_NODE[0] && minor >= LOWEST_NODE[1]);
}

/**
 * Installs what package-lock.json names, unless exactly that is there, whoever installed it. `dev` includes what tests need
 * and is kept by a later production start. One process installs at a time; another waits for it.
 */
function install(folder, kind) {
  const stamp = join(folder, 'node_modules', '.otter-installed');
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  const found = () => (existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : '');
  const isStamped = () => found() === `${lock} dev` || (kind === 'production' && found() === `${lock} production`);
  if (isStamped()) return true;
  return underLock(join(folder, '.otter-installing'), () => {
    if (isStamped()) return true;
    // A person may have typed `npm ci`, which leaves no stamp.
    const there = findInstalled(folder);
    if (there.complete === 'dev' || there.complete === kind) {
      writeFileSync(stamp, `${lock} ${there.complete}\n`);
      return true;
    }
    // Where somebody works on Otter, a plain start after a change of packages must not take their tools away.
    const wanted = there.hasDev || found().endsWith(' dev') ? 'dev' : kind;
    process.stderr.write(
      `otter: installing ${folder === root ? 'packages' : 'Node 24'} with npm (once, about half a minute) ...\n`,
    );
    // A server may be running from what is there: what only lacks the tools for tests is added to, not made anew.
    const command = there.complete === 'production' ? ['install', '--no-save'] : ['ci'];
    const omitted = wanted === 'production' ? ['--omit=dev'] : [];
    const npm = spawnSync('npm', [...command, ...omitted, '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: folder,
      // stdout belongs to the command that is about to run
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
      env: withoutNpmSettings(process.env),
    });
    if (npm.status !== 0) {
      process.stderr.write(`otter: npm failed in ${folder}; check the network and the disk, then try again\n`);
      return false;
    }
    writeFileSync(stamp, `${lock} ${wanted}\n`);
    return true;
  });
}

/**
 * What npm itself says that it installed, held against package-lock.json: `complete` where nothing is missing or of another
 * version for that kind of use; optional packages may be missing, as they are for other machines.
 */
function findInstalled(folder) {
  const record = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return { complete: undefined, hasDev: false };
  const installed = readPackages(record);
  const lacks = Object.entries(readPackages(join(folder, 'package-lock.json'))).filter(
    ([path, { version, optional }]) => {
      const isRight = installed[path]?.version === version && existsSync(join(folder, path));
      return path !== '' && !isRight && (optional !== true || installed[path] !== undefined);
    },
  );
  const isDev = ([, { dev }]) => dev === true;
  const complete = lacks.length === 0 ? 'dev' : lacks.every(isDev) ? 'production' : undefined;
  return { complete, hasDev: Object.entries(installed).some(isDev) };
}

/** By their folder. */
function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

/** Settings that an outer `npm start` or `npx` exports would be taken for ours. */
function withoutNpmSettings(env) {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/^npm_(config_(global|prefix|local_prefix|omit|production|workspace)|command|lifecycle)/i.test(name),
    ),
  );
}

/** The lock is a file with the number of its process, so that one that was interrupted holds up nobody. */
function underLock(file, work) {
  for (let isFirst = true; !takeLock(file); isFirst = false) {
    if (isFirst) process.stderr.write('otter: waiting for another installation to end ...\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  }
  try {
    return work();
  } finally {
    rmSync(file, { force: true });
  }
}

function takeLock(file) {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    // A link appears with its content at once; nobody can read a lock that is still empty.
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const owner = existsSync(file) ? Number(readFileSync(file, 'utf8')) : process.pid;
    if (!isRunning(owner)) rmSync(file, { force: true });
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

function isRunning(pid) {
  try {
    // Signal 0 only asks; a process of another user answers EPERM.
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The path of Node 24 from npm; undefined where there is none for this machine. */
function newerNode() {
  const folder = isPackage ? runtimeInCache() : join(root, 'runtime');
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const program = process.platform === 'win32' ? 'node.exe' : 'node';
  const node = join(folder, 'node_modules', `node-${platform}-${process.arch}`, 'bin', program);
  return install(folder, 'production') && existsSync(node) ? node : undefined;
}

/** The list of what to install, where this user may install it. */
function runtimeInCache() {
  const folder = join(userCache(), 'runtime');
  mkdirSync(folder, { recursive: true });
  for (const name of ['package.json', 'package-lock.json'])
    copyFileSync(join(root, 'runtime', name), join(folder, name));
  return folder;
}

/** npm runs a script in a shell that dies without passing the signal on: that the parent is gone is the signal then. */
function stopWithNpm() {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  timer.unref();
}

/** Runs this launcher under another Node and passes signals on, so that Ctrl-C and `kill` reach the real process. */
function runUnder(node, args) {
  const child = spawn(node, [...process.execArgv, fileURLToPath(import.meta.url), ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${dirname(node)}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH ?? ''}`,
    },
  });
  // A terminal sends Ctrl-C to the whole group; this process must only outlive the child.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`otter: cannot run ${node}: ${error.message}\n`);
      resolve(69);
    });
    child.on('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
