// Builds and tests the Arduino library in client/ on this computer. Installs the Debian packages that it needs where it may
// (root and apt-get), else says exactly what to install. It knows nothing of firmware or fleets.
//
//   node bin/client.mjs build            otter-device, with sanitizers, into node_modules/.cache/client
//   node bin/client.mjs try-build        the same; where that is not possible it says so and ends well
//   node bin/client.mjs prepare          builds what test and replay need
//   node bin/client.mjs before           otter-device with the library of before, into node_modules/.cache/client-before
//   node bin/client.mjs test             all host tests of the library, with sanitizers
//   node bin/client.mjs replay           the kept inputs of the fuzzer through the readers, once
//   node bin/client.mjs fuzz [SECONDS]   libFuzzer on the readers, this long in all
//   node bin/client.mjs riscv            the core as 32-bit RISC-V, under QEMU
//   node bin/client.mjs package FOLDER   the zip for the Arduino IDE, and the tree of a mirror repository
//   node bin/client.mjs measure          code size, memory and speed, as docs/performance.md has them
//
// What was built of the same sources with the same compiler is not built again, in this clone or another: see
// built-programs.mjs.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bringPrograms } from './built-programs.mjs';
import { packageLibrary } from './library-package.mjs';

const ROOT = join(import.meta.dirname, '..');
const SOURCE = join(ROOT, 'client/extras/test');
const SOURCES = [join(ROOT, 'client/src'), SOURCE];
const CACHE = join(ROOT, 'node_modules/.cache');
/** Where those who need a program find it. */
const PROGRAMS = join(CACHE, 'client');
const BUILD = join(CACHE, 'client-build');
const ALL = ['otter-tests', 'otter-board-tests', 'otter-device'];
/** Without sanitizers, for figures. */
const PLAIN_BUILD = join(CACHE, 'client-plain');
/** Sources of an earlier library; see tests/data/upgrade. */
const BEFORE = join(ROOT, 'tests/data/upgrade/client');
const BEFORE_BUILD = join(CACHE, 'client-before-build');
const PROGRAMS_BEFORE = join(CACHE, 'client-before');
const FUZZ_BUILD = join(CACHE, 'client-fuzz-build');
const FUZZERS = join(CACHE, 'client-fuzz');
const FUZZ_LIMITS = ['-timeout=5', '-max_len=6144', '-malloc_limit_mb=1', '-verbosity=0'];
const DEFAULT_FUZZ_S = 60;

const COMPILER = ['g++', 'cmake', 'make', 'libmbedtls-dev', 'doctest-dev'];
const RISCV = ['gcc-riscv64-unknown-elf', 'picolibc-riscv64-unknown-elf', 'qemu-system-misc'];

/** How a missing package shows: a program that is not in PATH, or a file that is not there. */
const SIGN_OF = {
  'g++': 'g++',
  cmake: 'cmake',
  make: 'make',
  clang: 'clang++',
  'libmbedtls-dev': '/usr/include/mbedtls/ssl.h',
  'doctest-dev': '/usr/include/doctest/doctest.h',
  'gcc-riscv64-unknown-elf': 'riscv64-unknown-elf-g++',
  'picolibc-riscv64-unknown-elf': '/usr/lib/picolibc/riscv64-unknown-elf/include/stdint.h',
  'qemu-system-misc': 'qemu-system-riscv32',
};

const COMMANDS = {
  build: buildDevice,
  'try-build': tryBuildDevice,
  prepare: () => installFuzzer() && make(ALL) && makeBefore() && makeFuzzers(),
  before: () => installPackages(COMPILER) && makeBefore(),
  test: async () => installPackages(COMPILER) && make(ALL) && runTests(),
  replay: async () => installFuzzer() && makeFuzzers() && replay(),
  fuzz: async ([seconds = String(DEFAULT_FUZZ_S)]) => installFuzzer() && makeFuzzers() && fuzz(Number(seconds)),
  riscv: () =>
    installPackages([...COMPILER, ...RISCV]) &&
    run('bash', [join(SOURCE, 'riscv/run.sh'), join(CACHE, 'client-riscv')]),
  package: makePackage,
  measure: () =>
    installPackages([...COMPILER, ...RISCV]) &&
    makePlain() &&
    run(process.execPath, [join(ROOT, 'bench/client.ts'), PLAIN_BUILD]),
};

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [name = '', ...args] = process.argv.slice(2);
  const command = COMMANDS[name];
  if (command === undefined) {
    process.stderr.write(`usage: node bin/client.mjs ${Object.keys(COMMANDS).join('|')}\n`);
    process.exitCode = 2;
  } else {
    process.exitCode = (await command(args)) ? 0 : 1;
  }
}

async function makePackage([folder]) {
  if (folder === undefined) {
    process.stderr.write('otter: say into which folder: node bin/client.mjs package FOLDER\n');
    return false;
  }
  const { tree, zip, problems } = await packageLibrary(folder);
  for (const problem of problems) process.stderr.write(`otter: the package is not an Arduino library: ${problem}\n`);
  if (problems.length === 0) process.stdout.write(`${zip}\n${tree}\n`);
  return problems.length === 0;
}

function buildDevice() {
  return installPackages(COMPILER) && make(['otter-device']);
}

/** Always true: who asks so does without the program where it must. */
function tryBuildDevice() {
  if (!buildDevice())
    process.stderr.write(
      'otter: otter-device was not built, so no board with the Arduino library takes part (unless there is an earlier build).\n',
    );
  return true;
}

/** True where all of them are there in the end. */
function installPackages(packages) {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return true;
  const command = `apt-get install -y ${missing.join(' ')}`;
  const mayInstall = process.platform === 'linux' && process.getuid?.() === 0 && isInPath('apt-get');
  if (!mayInstall) {
    process.stderr.write(
      `otter: the Arduino library is tested with a C++ compiler; missing here: ${missing.join(', ')}.\n` +
        `       Install them, on Debian and Ubuntu with: sudo ${command}\n`,
    );
    return false;
  }
  process.stderr.write(`otter: installing ${missing.join(', ')} with apt-get (once) ...\n`);
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  spawnSync('apt-get', ['update', '-qq'], quiet);
  const { status } = spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], quiet);
  if (status === 0) return true;
  process.stderr.write(`otter: \`${command}\` failed; check the network and the disk, then try again\n`);
  return false;
}

function isInstalled(name) {
  const sign = SIGN_OF[name];
  // A package without a sign is asked for by name.
  if (sign === undefined) return spawnSync('dpkg', ['-s', name], { stdio: 'ignore' }).status === 0;
  return sign.startsWith('/') ? existsSync(sign) : isInPath(sign);
}

function isInPath(program) {
  const folders = (process.env.PATH ?? '').split(':');
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** libFuzzer comes with clang, or in a package of its own that is named after the version of clang. */
function installFuzzer() {
  if (!installPackages([...COMPILER, 'clang'])) return false;
  const ask = (question) => spawnSync('clang++', [question], { encoding: 'utf8' }).stdout.trim();
  const runtime = ask('-print-runtime-dir');
  const files = existsSync(runtime) ? readdirSync(runtime) : [];
  if (files.some((name) => name.startsWith('libclang_rt.fuzzer'))) return true;
  return installPackages([`libclang-rt-${/version (\d+)/.exec(ask('--version'))?.[1]}-dev`]);
}

/** Into PROGRAMS. */
function make(programs) {
  const options = ['-DCMAKE_BUILD_TYPE=Debug', '-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1', '-DOTTER_SANITIZE=ON'];
  const made = { sources: SOURCES, compiler: 'g++', options, programs };
  return bringPrograms(made, BUILD, PROGRAMS, () => cmake(BUILD, options, programs));
}

/** The board with the library of before, for the test of an upgrade: from its kept sources, with the compiler and mbedTLS of today. */
function makeBefore() {
  const options = ['-DCMAKE_BUILD_TYPE=Debug', '-DCMAKE_CXX_FLAGS_DEBUG=-O0'];
  const made = { sources: [BEFORE], compiler: 'g++', options, programs: ['otter-device'] };
  return bringPrograms(made, BEFORE_BUILD, PROGRAMS_BEFORE, () => {
    const unpacked = join(BEFORE_BUILD, 'sources');
    rmSync(unpacked, { recursive: true, force: true });
    mkdirSync(unpacked, { recursive: true });
    return (
      spawnSync('tar', ['-xzf', join(BEFORE, 'sources.tar.gz'), '-C', unpacked], { stdio: 'inherit' }).status === 0 &&
      cmake(BEFORE_BUILD, options, ['otter-device'], join(unpacked, 'client/extras/test'))
    );
  });
}

function makePlain() {
  return cmake(PLAIN_BUILD, ['-DCMAKE_BUILD_TYPE=Release'], ['otter-device', 'otter-session-bench']);
}

function makeFuzzers() {
  const options = ['-DCMAKE_CXX_COMPILER=clang++'];
  const programs = fuzzed().map((name) => `fuzz_${name}`);
  const made = { sources: SOURCES, compiler: 'clang++', options, programs };
  return bringPrograms(made, FUZZ_BUILD, FUZZERS, () => cmake(FUZZ_BUILD, options, [], join(SOURCE, 'fuzz')));
}

/** Two at a time: the power cuts take about as long as all the rest. */
async function runTests() {
  const env = { ...process.env, OTTER_VECTORS: join(ROOT, 'protocol/vectors') };
  const slow = '*power*,*1*MiB*';
  const started = performance.now();
  const ended = await Promise.all([
    runAside(join(PROGRAMS, 'otter-tests'), [`--test-case=${slow}`], env),
    runAside(join(PROGRAMS, 'otter-tests'), [`--test-case-exclude=${slow}`], env).then(
      async (isWell) => (await runAside(join(PROGRAMS, 'otter-board-tests'), [], env)) && isWell,
    ),
  ]);
  process.stdout.write(`the Arduino library: tested in ${Math.round((performance.now() - started) / 1000)} s\n`);
  return !ended.includes(false);
}

/** Says what the program said where it fails. */
async function runAside(program, args, env) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => said.push(bytes));
  const status = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  if (status === 0) return true;
  process.stdout.write(Buffer.concat(said));
  process.stderr.write(`otter: ${[program, ...args].join(' ')} ended with ${status}\n`);
  return false;
}

function fuzzed() {
  return readdirSync(join(SOURCE, 'fuzz/corpus'));
}

/** Every input that was kept, through its reader, once. */
async function replay() {
  const ended = await Promise.all(
    fuzzed().map(async (name) =>
      runAside(
        join(FUZZERS, `fuzz_${name}`),
        ['-runs=0', ...FUZZ_LIMITS, join(SOURCE, 'fuzz/corpus', name)],
        process.env,
      ),
    ),
  );
  return !ended.includes(false);
}

function cmake(folder, options, targets, source = SOURCE) {
  mkdirSync(folder, { recursive: true });
  const target = targets.length === 0 ? [] : ['--target', ...targets];
  return (
    run('cmake', ['-S', source, '-B', folder, '--log-level=WARNING', ...options]) &&
    run('cmake', ['--build', folder, '-j', String(availableParallelism()), ...target])
  );
}

/** Half of the targets at a time, so that this is also the time on a small computer. New inputs are not kept. */
async function fuzz(seconds) {
  const corpus = join(SOURCE, 'fuzz/corpus');
  const names = fuzzed();
  const rounds = Math.ceil(names.length / 2);
  const found = mkdtempSync(join(tmpdir(), 'otter-fuzz-'));
  try {
    for (let index = 0; index < names.length; index += 2) {
      const pair = names
        .slice(index, index + 2)
        .map((name) => fuzzOne(name, join(corpus, name), found, seconds / rounds));
      if ((await Promise.all(pair)).includes(false)) return false;
    }
    return true;
  } finally {
    rmSync(found, { recursive: true, force: true });
  }
}

function fuzzOne(name, seeds, found, seconds) {
  const fresh = join(found, name);
  mkdirSync(fresh);
  const limits = [`-max_total_time=${Math.ceil(seconds)}`, ...FUZZ_LIMITS];
  const child = spawn(join(FUZZERS, `fuzz_${name}`), [...limits, `-artifact_prefix=${tmpdir()}/`, fresh, seeds]);
  let said = '';
  child.stderr.on('data', (text) => (said += String(text)));
  return new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`otter: fuzz_${name}: ${error.message}\n`);
      resolve(false);
    });
    child.once('exit', (status) => {
      process.stdout.write(
        status === 0 ? `fuzz_${name}: ${Math.ceil(seconds)} s, nothing found\n` : `fuzz_${name}:\n${said}\n`,
      );
      resolve(status === 0);
    });
  });
}

function run(program, args) {
  return spawnSync(program, args, { stdio: 'inherit', cwd: ROOT }).status === 0;
}
