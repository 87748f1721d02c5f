// `npm run bench`: what a request costs the server, as CPU time of its process, beside a bare Fastify route in the same
// run. Prints the table that stands in docs/performance.md; asserts nothing.
//
//   npm run bench -- [--devices 10000,100000] [--requests 4000] [--rounds 3]
//   npm run bench -- judge [--devices 100000] [--database postgres]     what it costs to judge rollouts: bench/judge.ts
//   npm run bench -- operate [--devices 100000] [--database postgres]   what an operator does with many: bench/operate.ts
//   npm run bench -- slow       boards beside 3 x 1000 clients that hardly move: bench/slow.ts
//   npm run bench -- herd [power]   10 000 boards that come back after an outage, in real time, a quarter of an hour: bench/herd.ts
//   npm run bench -- --quick     as little as possible of everything: shows that it runs, and no number of it is worth a look

import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { benchMac, makeHome } from './fleet.ts';
import { benchJudging } from './judge.ts';
import { benchHerd } from './herd.ts';
import { Target } from './measured.ts';
import { benchOperating } from './operate.ts';
import { benchSlow } from './slow.ts';
import { checkUpdateText, download, runKeepAlive, runNewConnections } from './load.ts';

const {
  values: given,
  positionals: [task, part],
} = parseArgs({
  allowPositionals: true,
  options: {
    devices: { type: 'string' },
    database: { type: 'string', default: 'sqlite' },
    requests: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
  },
});
const options = given.quick
  ? { ...given, devices: '100', requests: '32', rounds: '1' }
  : { ...given, devices: given.devices ?? '10000,100000' };
const REQUESTS = Number(options.requests);
const ROUNDS = Number(options.rounds);
const PARALLEL = 32;
const OFFER_DEVICES = given.quick ? 100 : 100_000;
const FULL_DOWNLOADS = given.quick ? 2 : 50;
const SLOW_READERS = given.quick ? 10 : 200;
const SLOW_BYTES_PER_S = given.quick ? 2_000_000 : 50_000;

interface Line {
  readonly what: string;
  readonly newUs: number;
  readonly keepUs: number;
  readonly rssMib: number;
}

/** The median of several rounds, interleaved with those of the other targets, so that a busy moment hits all alike. */
async function compare(
  targets: readonly {
    readonly what: string;
    readonly target: Target;
    readonly devices: number;
    readonly version: string;
  }[],
): Promise<readonly Line[]> {
  const rounds = targets.map(() => ({ new: [] as number[], keep: [] as number[] }));
  const text = (target: Target, devices: number, version: string, keepAlive: boolean) => () =>
    checkUpdateText(target.endpoint, benchMac(1 + Math.floor(Math.random() * devices)), version, keepAlive);
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [index, { target, devices, version }] of targets.entries()) {
      const viaNew = await target.measure(async () =>
        runNewConnections(target.endpoint, REQUESTS, PARALLEL, text(target, devices, version, false)),
      );
      const viaKeep = await target.measure(async () =>
        runKeepAlive(target.endpoint, REQUESTS * 4, PARALLEL, text(target, devices, version, true)),
      );
      // The first round only warms up.
      if (round < 0) continue;
      rounds[index]?.new.push((viaNew / REQUESTS) * 1000);
      rounds[index]?.keep.push((viaKeep / (REQUESTS * 4)) * 1000);
    }
  }
  return Promise.all(
    targets.map(async ({ what, target }, index) => ({
      what,
      newUs: median(rounds[index]?.new ?? []),
      keepUs: median(rounds[index]?.keep ?? []),
      rssMib: (await target.sample()).rssMib,
    })),
  );
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'otter-bench-'));
  const targets: Target[] = [];
  const start = async (kind: 'bare' | 'otter', home: string): Promise<Target> => {
    const target = await Target.start(kind, home);
    targets.push(target);
    return target;
  };
  try {
    process.stdout.write(
      `${cpus()[0]?.model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, server on one core\n`,
    );
    const sizes = options.devices.split(',').map(Number);
    const homes = await Promise.all(sizes.map(async (devices) => ({ devices, home: join(folder, String(devices)) })));
    for (const { devices, home } of homes) await makeHome(home, devices, { openRollout: false });
    const bare = await start('bare', join(folder, String(sizes[0])));
    const entries = [{ what: 'bare Fastify route', target: bare, devices: sizes[0] ?? 0, version: '1.0.0' }];
    for (const { devices, home } of homes)
      entries.push({
        what: `check-update, nothing new, ${devices} devices`,
        target: await start('otter', home),
        devices,
        version: '1.0.0',
      });
    const offers = join(folder, 'offers');
    await makeHome(offers, OFFER_DEVICES, { openRollout: true });
    const offering = await start('otter', offers);
    entries.push({
      what: 'check-update with an offer (new assignments)',
      target: offering,
      devices: OFFER_DEVICES,
      version: '1.0.0',
    });
    printCosts(await compare(entries));
    await printDownloads(offering);
  } finally {
    for (const target of targets) target.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function printCosts(lines: readonly Line[]): void {
  const table = new Table({
    head: ['CPU per request', 'new TLS 1.3 connection', 'against bare', 'keep-alive', 'against bare', 'resident'],
    style: { head: [], border: [] },
  });
  const [bare] = lines;
  for (const line of lines) {
    table.push([
      line.what,
      `${line.newUs.toFixed(0)} us`,
      (line.newUs / (bare?.newUs ?? 1)).toFixed(2),
      `${line.keepUs.toFixed(0)} us`,
      (line.keepUs / (bare?.keepUs ?? 1)).toFixed(2),
      `${line.rssMib.toFixed(0)} MiB`,
    ]);
  }
  process.stdout.write(`${table.toString()}\n`);
}

async function printDownloads(target: Target): Promise<void> {
  const path = '/firmware/default/2.0.0/esp32/image.bin';
  const full = async (): Promise<number> => download(target.endpoint, path, Number.POSITIVE_INFINITY);
  await full();
  const startedMs = performance.now();
  let bytes = 0;
  const cpuMs = await target.measure(async () => {
    for (let index = 0; index < FULL_DOWNLOADS; index += 1) bytes += await full();
  });
  const mib = bytes / 1_048_576;
  process.stdout.write(
    `download at full speed: ${(mib / ((performance.now() - startedMs) / 1000)).toFixed(0)} MiB/s over one connection at a time, ${(cpuMs / mib).toFixed(2)} ms CPU per MiB\n`,
  );

  const before = await target.sample();
  let peakMib = before.rssMib;
  const watch = setInterval(
    () => void target.sample().then(({ rssMib }) => (peakMib = Math.max(peakMib, rssMib))),
    500,
  );
  const slowCpuMs = await target.measure(async () =>
    Promise.all(Array.from({ length: SLOW_READERS }, async () => download(target.endpoint, path, SLOW_BYTES_PER_S))),
  );
  clearInterval(watch);
  process.stdout.write(
    `${SLOW_READERS} downloads at ${SLOW_BYTES_PER_S / 1000} KB/s: ${(((peakMib - before.rssMib) * 1024) / SLOW_READERS).toFixed(0)} KiB more resident per reader (from ${before.rssMib.toFixed(0)} to ${peakMib.toFixed(0)} MiB), ${(slowCpuMs / SLOW_READERS).toFixed(1)} ms CPU each\n`,
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const isPowerCut = part === 'power';
if (task === 'slow') await benchSlow(given.quick ? { each: 20, seconds: 3 } : { each: 1_000, seconds: 60 });
else if (task === 'herd')
  await benchHerd(
    given.quick
      ? { boards: 100, scale: 0.01, isPowerCut }
      : { boards: Number(given.devices ?? 10_000), scale: 1, isPowerCut },
  );
else if (task === 'operate')
  await benchOperating({
    devices: Number(given.devices ?? (given.quick ? '200' : '100000')),
    database: given.database === 'postgres' ? 'postgres' : 'sqlite',
  });
else if (task === 'judge')
  await benchJudging({
    devices: given.quick ? 1_000 : Number(given.devices ?? 100_000),
    database: given.database === 'postgres' ? 'postgres' : 'sqlite',
  });
else await main();
