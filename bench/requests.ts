// `npm run bench`: what a request costs the server, as CPU time of its process, beside a bare Fastify route in the same run.

import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { benchMac, makeHome } from './fleet.ts';
import { checkUpdateText, download, runKeepAlive, runNewConnections } from './load.ts';
import { Target } from './measured.ts';

const PARALLEL = 32;

/** How much of what surrounds the requests is measured. */
interface Extent {
  readonly offerDevices: number;
  readonly fullDownloads: number;
  readonly slowReaders: number;
  readonly slowBytesPerS: number;
}

export const WHOLE: Extent = { offerDevices: 100_000, fullDownloads: 50, slowReaders: 200, slowBytesPerS: 50_000 };
export const QUICK: Extent = { offerDevices: 100, fullDownloads: 2, slowReaders: 10, slowBytesPerS: 2_000_000 };

interface RequestOptions {
  /** Numbers of devices. */
  readonly sizes: readonly number[];
  /** Of each round, over new connections; four times as many over connections that are kept. */
  readonly requests: number;
  readonly rounds: number;
  readonly extent: Extent;
}

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
  { requests, rounds: count }: Pick<RequestOptions, 'requests' | 'rounds'>,
): Promise<readonly Line[]> {
  const rounds = targets.map(() => ({ new: [] as number[], keep: [] as number[] }));
  const text = (target: Target, devices: number, version: string, keepAlive: boolean) => () =>
    checkUpdateText(target.endpoint, benchMac(1 + Math.floor(Math.random() * devices)), version, keepAlive);
  for (let round = -1; round < count; round += 1) {
    for (const [index, { target, devices, version }] of targets.entries()) {
      const viaNew = await target.measure(async () =>
        runNewConnections(target.endpoint, requests, PARALLEL, text(target, devices, version, false)),
      );
      const viaKeep = await target.measure(async () =>
        runKeepAlive(target.endpoint, requests * 4, PARALLEL, text(target, devices, version, true)),
      );
      // The first round only warms up.
      if (round < 0) continue;
      rounds[index]?.new.push((viaNew / requests) * 1000);
      rounds[index]?.keep.push((viaKeep / (requests * 4)) * 1000);
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

/** `options.devices`: of one fleet after the other. Prints the table that stands in docs/performance.md. */
export async function benchRequests(options: RequestOptions): Promise<void> {
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
    const { sizes, extent } = options;
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
    await makeHome(offers, extent.offerDevices, { openRollout: true });
    const offering = await start('otter', offers);
    entries.push({
      what: 'check-update with an offer (new assignments)',
      target: offering,
      devices: extent.offerDevices,
      version: '1.0.0',
    });
    printCosts(await compare(entries, options));
    await printDownloads(offering, extent);
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

async function printDownloads(target: Target, { fullDownloads, slowReaders, slowBytesPerS }: Extent): Promise<void> {
  const path = '/firmware/default/2.0.0/esp32/image.bin';
  const full = async (): Promise<number> => download(target.endpoint, path, Number.POSITIVE_INFINITY);
  await full();
  const startedMs = performance.now();
  let bytes = 0;
  const cpuMs = await target.measure(async () => {
    for (let index = 0; index < fullDownloads; index += 1) bytes += await full();
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
    Promise.all(Array.from({ length: slowReaders }, async () => download(target.endpoint, path, slowBytesPerS))),
  );
  clearInterval(watch);
  process.stdout.write(
    `${slowReaders} downloads at ${slowBytesPerS / 1000} KB/s: ${(((peakMib - before.rssMib) * 1024) / slowReaders).toFixed(0)} KiB more resident per reader (from ${before.rssMib.toFixed(0)} to ${peakMib.toFixed(0)} MiB), ${(slowCpuMs / slowReaders).toFixed(1)} ms CPU each\n`,
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
