// `node bin/client.mjs measure`: the budgets of the Arduino library, as docs/performance.md has them. Code and static memory
// are those of the compiler for 32-bit RISC-V, which most ESP32 boards of today are; heap and speed are those of
// `otter-device` on this computer, against a real server over real TLS. Prints a table; asserts nothing.
//
//   node bench/client.ts FOLDER      where otter-device and otter-session-bench are

import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import Table from 'cli-table3';
import { pino } from 'pino';
import { readCertificate } from '#server/certs/certificate.ts';
import { initHome } from '#server/home/init.ts';
import { startServer } from '#server/main.ts';
import { buildDeviceImage } from '../tests/client/support/device-image.ts';
import { FAKE_HEADERS } from '../tests/client/support/fake-headers.ts';
import { ServerClient } from '../tests/support/server/client.ts';

const SOURCE = join(import.meta.dirname, '../client/src');
const TESTS = join(import.meta.dirname, '../client/extras/test');
const RISCV = 'riscv64-unknown-elf-';
const PICOLIBC = '/usr/lib/picolibc/riscv64-unknown-elf/include';
const IMAGE_BYTES = 1_048_576;
/** The board's waits between two requests are not what is measured, so its clock is fast; its work is not. */
const SPEED = 30;
const ROUNDS = 5;
/** Of visits, one with a whole handshake and one that goes on with its session. */
const PAIRS = 100;
const PROGRAMS = process.argv[2] ?? '';

const folder = mkdtempSync(join(tmpdir(), 'otter-client-bench-'));
try {
  const table = new Table({ head: ['', 'measured', 'aim'], style: { head: [], border: [] } });
  const sizes = measureSizes(['core/', 'OtterOTA.cpp']);
  table.push(
    ['code of core and face, rv32imc, -Os', kb(sizes.text + sizes.data), 'under 45 KB'],
    ['static RAM, its buffer for 4 KB pieces included', kb(sizes.data + sizes.bss), 'at most 8 KB'],
  );
  const runs = await measureUpdates(join(PROGRAMS, 'otter-device'));
  table.push(
    ['heap at the peak of a check, with mbedTLS', kb(runs.checkHeapBytes), ''],
    ['heap at the peak of an enrolment, with mbedTLS', kb(runs.enrolmentHeapBytes), 'that of a check'],
    ['heap at the peak of a download, with mbedTLS', kb(runs.downloadHeapBytes), ''],
    ['1 MiB image over loopback, offer to verified', `${median(runs.downloadMs)} ms`, 'under 3 s'],
    ['the same to confirmed, waits 30 times as fast', `${median(runs.updateMs)} ms`, ''],
    ['handshake, whole', handshake(runs.sessions.whole), ''],
    ['handshake that goes on with a kept session', handshake(runs.sessions.resumed), ''],
    ['RTC memory that a kept session fills', `${runs.sessions.kept_bytes} bytes`, 'at most 768 bytes'],
  );
  process.stdout.write(`${table.toString()}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Sizes {
  readonly text: number;
  readonly data: number;
  readonly bss: number;
}

/** Sums of `size` over the objects whose source begins like one of these. */
function measureSizes(parts: readonly string[]): Sizes {
  const sources = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.cpp') && parts.some((part) => name.startsWith(part)))
    .map((name) => join(SOURCE, name));
  const objects = sources.map((source, index) => {
    const object = join(folder, `${index}.o`);
    const machine = ['-march=rv32imc', '-mabi=ilp32', '-ffreestanding', '-fno-threadsafe-statics'];
    const language = ['-std=gnu++17', '-Os', '-fno-exceptions', '-fno-rtti', '-ffunction-sections', '-fdata-sections'];
    const headers = [PICOLIBC, join(TESTS, 'riscv/include'), ...FAKE_HEADERS].flatMap((path) => ['-isystem', path]);
    const defined = ['-DESP32', '-DARDUINO=10819', `-I${SOURCE}`];
    execFileSync(`${RISCV}g++`, [...machine, ...language, ...headers, ...defined, '-c', source, '-o', object]);
    return object;
  });
  const lines = execFileSync(`${RISCV}size`, objects, { encoding: 'utf8' }).trim().split('\n').slice(1);
  const sum = (column: number): number =>
    lines.reduce((total, line) => total + Number(line.trim().split(/\s+/)[column]), 0);
  return { text: sum(0), data: sum(1), bss: sum(2) };
}

interface Handshake {
  readonly cpu_us: number;
  readonly sent_bytes: number;
  readonly received_bytes: number;
  readonly round_trips: number;
}

interface Sessions {
  readonly whole: Handshake;
  readonly resumed: Handshake;
  readonly kept_bytes: number;
}

interface Runs {
  readonly sessions: Sessions;
  readonly checkHeapBytes: number;
  readonly enrolmentHeapBytes: number;
  readonly downloadHeapBytes: number;
  readonly downloadMs: readonly number[];
  readonly updateMs: readonly number[];
}

async function measureUpdates(program: string): Promise<Runs> {
  const home = join(folder, 'home');
  await initHome(home, { nowMs: Date.now() });
  const running = await startServer({
    home,
    port: 0,
    env: { OTTER_HOST: '127.0.0.1', OTTER_POLL_INTERVAL: '30s' },
    log: (level) => pino({ level }, { write: () => undefined }),
    clock: () => Date.now(),
  });
  const read = (path: string): string => readFileSync(join(home, 'data', path), 'utf8').trim();
  const server = new ServerClient({
    url: new URL(`https://127.0.0.1:${running.port}`),
    pin: { kind: 'spki', sha256: readCertificate(read('certs/server.crt')).spkiPin },
    fleetToken: read('tokens/fleet.token'),
    adminToken: read('tokens/admin.token'),
  });
  try {
    const sessions = await measureSessions(server);
    const product = 'bench';
    writeFileSync(join(folder, 'old.bin'), buildDeviceImage({ product, version: '1.0.0' }));
    const idle = await runDevice(program, server, 'checked', 0);
    // The same board, switched on again, with its first token.
    const enrolled = await runDevice(program, server, 'enrolled', 0);
    await server.admin('uploadFirmware', {
      query: { pilot_ready: 'true' },
      body: buildDeviceImage({ product, version: '1.1.0', sizeBytes: IMAGE_BYTES }),
    });
    await server.admin('createRollout', { body: { version: '1.1.0', product, name: 'bench' } });
    for (const step of ['startRollout', 'promoteRollout'] as const)
      await server.admin(step, { params: { name: 'bench' }, body: {} });
    const updates = [];
    for (let round = 1; round <= ROUNDS; round += 1) updates.push(await runDevice(program, server, 'confirmed', round));
    return {
      sessions,
      checkHeapBytes: idle.peakHeapBytes,
      enrolmentHeapBytes: enrolled.peakHeapBytes,
      downloadHeapBytes: Math.max(...updates.map(({ peakHeapBytes }) => peakHeapBytes)),
      downloadMs: updates.map((told) => told.at('downloaded') - told.at('offered')),
      updateMs: updates.map((told) => told.at('confirmed') - told.at('offered')),
    };
  } finally {
    server.agent.destroy();
    await running.close(1_000);
  }
}

async function measureSessions({ url, pin }: ServerClient): Promise<Sessions> {
  const whom = [url.port, `spki:${pin.sha256}`, String(PAIRS)];
  const { stdout } = await promisify(execFile)(join(PROGRAMS, 'otter-session-bench'), whom);
  return JSON.parse(stdout) as Sessions;
}

function handshake({ cpu_us, sent_bytes, received_bytes, round_trips }: Handshake): string {
  return `${cpu_us} us CPU, ${sent_bytes} + ${received_bytes} bytes, ${round_trips} round trips`;
}

interface Told {
  readonly peakHeapBytes: number;
  /** Milliseconds of the wall clock at which the event was told. */
  readonly at: (event: string) => number;
}

/** A new board, until it tells this event. Rejects where it does not within a minute. */
async function runDevice(program: string, server: ServerClient, until: string, round: number): Promise<Told> {
  const place = ['--board', join(folder, `board-${round}`), '--flash', join(folder, 'old.bin')];
  const board = [...place, '--mac', `24:6f:28:00:01:0${round}`, '--speed', String(SPEED)];
  const whom = ['--server', server.url.origin, '--pin', `spki:${server.pin.sha256}`, '--token', server.fleetToken];
  const child = spawn(program, [...board, ...whom, '--until', until, '--for', '60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const times = new Map<string, number>();
  let peakHeapBytes = 0;
  for await (const line of createInterface(child.stdout)) {
    const told = JSON.parse(line) as { readonly event: string; readonly peak_heap_bytes?: number };
    if (!times.has(told.event)) times.set(told.event, performance.now());
    peakHeapBytes = told.peak_heap_bytes ?? peakHeapBytes;
  }
  if (!times.has(until)) throw new Error(`${program} did not come to "${until}"`);
  return { peakHeapBytes, at: (event) => times.get(event) ?? Number.NaN };
}

function kb(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} KB`;
}

function median(values: readonly number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN);
}
