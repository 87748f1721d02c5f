// Makes the test data of this folder again, with a checkout of the commit that README.md names:
//
//   git worktree add /tmp/before COMMIT && cd /tmp/before && npm ci && node bin/client.mjs build
//   node tests/data/upgrade/make.mjs /tmp/before        in today's clone
//
// It plays a small story by the commands and the device API of that commit, stops the server as a person does, and packs what lies
// there then. Nothing of today's code takes part.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BEFORE = process.argv[2] ?? '';
const HERE = import.meta.dirname;
const WORK = mkdtempSync(join(tmpdir(), 'otter-before-'));
const HOME = join(WORK, 'home');
const BOARD = join(WORK, 'board');
const MAC = {
  pilot: '24:6f:28:0e:00:01',
  updated: '24:6f:28:0e:00:02',
  plain: '24:6f:28:0e:00:03',
  held: '24:6f:28:0e:00:04',
};
const PRODUCT = 'greenhouse';

const { buildDeviceImage } = await import(join(BEFORE, 'tests/client/support/device-image.ts'));

packSources();
const server = startServer();
try {
  await playStory();
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
}
rmSync(join(HOME, 'data/server.port'), { force: true });
run('tar', ['-czf', join(HERE, 'home.tar.gz'), '-C', WORK, '--owner=0', '--group=0', '--sort=name', 'home', 'board']);
rmSync(WORK, { recursive: true });

/** The library with its board, and how they are compiled; not the tests of then. */
function packSources() {
  const folder = join(WORK, 'sources');
  mkdirSync(folder);
  const parts = ['src', 'extras/test/CMakeLists.txt', 'extras/test/board', 'extras/test/device', 'extras/test/fakes'];
  const paths = parts.map((part) => `client/${part}`);
  const packed = spawnSync('git', ['archive', 'HEAD', 'LICENSE', ...paths], { cwd: BEFORE, maxBuffer: 1 << 26 });
  if (spawnSync('tar', ['-x', '-C', folder], { input: packed.stdout }).status !== 0) throw new Error('no sources');
  const lists = join(folder, 'client/extras/test/CMakeLists.txt');
  const [programs] = readFileSync(lists, 'utf8').split('# Tests run for milliseconds');
  writeFileSync(lists, `${programs.trimEnd()}\n`);
  const target = join(HERE, 'client/sources.tar.gz');
  run('tar', ['-czf', target, '-C', folder, '--owner=0', '--group=0', '--sort=name', 'LICENSE', 'client']);
}

function startServer() {
  otter('init');
  return spawn(
    process.execPath,
    [join(BEFORE, 'bin/otter.mjs'), 'start', '--home', HOME, '--port', '0', '--no-pretty'],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, OTTER_HOST: '127.0.0.1', OTTER_POLL_INTERVAL: '30s' },
    },
  );
}

async function playStory() {
  const port = await portOf(join(HOME, 'data/server.port'));
  const token = readFileSync(join(HOME, 'data/tokens/fleet.token'), 'utf8').trim();
  const checkIn = async (mac, version, more = {}) =>
    post(port, token, 'check-update', {
      mac,
      current_version: version,
      product: PRODUCT,
      chip: 'esp32',
      slot_bytes: 1_310_720,
      ...more,
    });
  const report = async (mac, offer, sequence, status) =>
    post(port, token, 'report-status', { mac, assignment_id: offer.assignment_id, sequence, status });

  for (const version of ['1.0.0', '1.0.1', '1.1.0']) {
    const file = join(WORK, `${PRODUCT}-${version}.bin`);
    writeFileSync(file, buildDeviceImage({ product: PRODUCT, version, sizeBytes: 8192 }));
    otter('firmware', 'add', file, '--ready', '--notes', `What ${version} brings`);
  }
  for (const mac of Object.values(MAC)) await checkIn(mac, '1.0.0', { labels: ['hall-2'] });
  runBoard(port, token);
  otter('device', 'label', MAC.pilot, 'pilot');
  otter('device', 'label', MAC.updated, 'pilot');
  otter('device', 'label', MAC.plain, 'north');
  otter('device', 'name', MAC.pilot, 'tomatoes');
  otter('device', 'note', MAC.pilot, 'behind the pump');
  otter('device', 'hold', MAC.held, '--reason', 'its sensor is away');
  otter('rollout', 'create', '--firmware', '1.0.0', '--name', 'first');
  otter('rollout', 'start', 'first');
  otter('rollout', 'promote', 'first', '--from', 'pilot');
  otter('rollout', 'promote', 'first', '--from', 'expand');
  otter('firmware', 'block', '1.0.1', '--reason', 'it forgets the clock', '--yes');
  otter('rollout', 'create', '--firmware', '1.1.0', '--name', 'second');
  otter('rollout', 'start', 'second');
  otter(
    'schedule',
    'add',
    'tuesdays',
    '--cron',
    '0 3 * * 2',
    '--action',
    'promote',
    '--rollout',
    'second',
    '--timezone',
    'Europe/Berlin',
  );
  const offer = await checkIn(MAC.updated, '1.0.0');
  for (const [index, status] of ['downloading', 'downloaded', 'installing', 'trial'].entries())
    await report(MAC.updated, offer, index + 1, status);
  await checkIn(MAC.updated, '1.1.0', { boot: { state: 'trial', reason: 'software', uptime_s: 5 } });
  await report(MAC.updated, offer, 5, 'confirmed');
  await checkIn(MAC.updated, '1.1.0', { boot: { state: 'confirmed', reason: 'software', uptime_s: 60 } });
}

/** A board with the library of then checks in once, and is switched off. */
function runBoard(port, token) {
  const { pin } = JSON.parse(otter('--json', 'cert', 'show'));
  const whom = ['--server', `https://127.0.0.1:${port}`, '--pin', pin, '--token', token];
  const board = ['--board', BOARD, '--flash', join(WORK, `${PRODUCT}-1.0.0.bin`), '--mac', MAC.pilot, '--speed', '20'];
  run(join(BEFORE, 'node_modules/.cache/client/otter-device'), [
    ...board,
    ...whom,
    '--until',
    'checked',
    '--for',
    '60',
  ]);
}

async function portOf(file) {
  for (let tried = 0; tried < 300 && !existsSync(file); tried += 1) await new Promise((done) => setTimeout(done, 100));
  return Number(readFileSync(file, 'utf8'));
}

function otter(...args) {
  return run(process.execPath, [join(BEFORE, 'bin/otter.mjs'), '--home', HOME, ...args]);
}

function run(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: WORK });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

async function post(port, token, name, body) {
  const text = JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': text.length,
  };
  const asked = request({
    host: '127.0.0.1',
    port,
    path: `/api/v1/${name}`,
    method: 'POST',
    headers,
    rejectUnauthorized: false,
    agent: false,
  });
  asked.end(text);
  const [answer] = await once(asked, 'response');
  const said = Buffer.concat(await Array.fromAsync(answer)).toString();
  if (answer.statusCode !== 200) throw new Error(`${name}: ${answer.statusCode} ${said}`);
  return JSON.parse(said);
}
