// `npm run bench -- operate`: what the verbs of an operator cost in a large fleet, over HTTPS: time on the clock, CPU time of this
// process (with the client, and without a PostgreSQL beside it), and the longest turn of the event loop, in which no board is answered. Prints a table; asserts nothing.
//
//   npm run bench -- operate [--devices 100000] [--database postgres]

import { monitorEventLoopDelay } from 'node:perf_hooks';
import Table from 'cli-table3';
import type { BulkChange } from '#protocol/admin/fleet/bulk.ts';
import { MAX_DYNAMIC_LABELS, REGROUP_MS } from '#protocol/limits.ts';
import { ProductLine } from '../tests/support/product-line.ts';
import { addDevicesRaw } from '../tests/support/query/raw-devices.ts';
import { startPostgres } from './postgres.ts';
import { startTestServer, type TestServer } from '../tests/support/server/server.ts';

export interface OperateOptions {
  readonly devices: number;
  readonly database: 'sqlite' | 'postgres';
}

/** That takes minutes in PostgreSQL. */
const MOST_BY_MAC = 10_000;

const PRODUCT = 'thermostat';
const EVERYONE = `product = ${PRODUCT}`;

export async function benchOperating({ devices, database }: OperateOptions): Promise<void> {
  const postgres = database === 'postgres' ? await startPostgres() : undefined;
  const server = await startTestServer(postgres === undefined ? {} : { databaseUrl: postgres.url });
  try {
    await addDevicesRaw(server, PRODUCT, devices);
    const table = new Table({
      head: [`${devices} devices, ${database}`, 'time', 'CPU', 'longest turn'],
      style: { head: [], border: [] },
    });
    for (const [what, work] of works(server, devices)) {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      const began = performance.now();
      const used = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(used);
      delay.disable();
      table.push([
        what,
        `${(performance.now() - began).toFixed(0)} ms`,
        `${((user + system) / 1000).toFixed(0)} ms`,
        `${(delay.max / 1e6).toFixed(0)} ms`,
      ]);
    }
    process.stdout.write(`${table.toString()}\n`);
  } finally {
    await server.end();
    await postgres?.stop();
  }
}

function works(server: TestServer, devices: number): readonly (readonly [string, () => Promise<unknown>])[] {
  const list = async (where: string) => server.admin('listDevices', { query: { where, limit: '50', total: 'true' } });
  const numbers = async (where: string) => server.admin('getDeviceNumbers', { query: { where } });
  const bulk = (change: Omit<BulkChange, 'where'> & { readonly where?: string }) => async () =>
    changeAll(server, { where: EVERYONE, ...change });
  return [
    ['a list by a query, counted', async () => list('chip = esp32 and version < 1.4 and not label lab')],
    ['the numbers of all, by each kind', async () => server.admin('getDeviceNumbers')],
    [
      'the numbers of those that a query means',
      async () => numbers('chip = esp32 and version < 1.4 and not label lab'),
    ],
    [`label of ${Math.min(devices, MOST_BY_MAC)}, by MAC, 500 with each request`, async () => labelByMac(server)],
    ['label of all', bulk({ verb: 'label', label: 'all' })],
    ['the same once more', bulk({ verb: 'label', label: 'all' })],
    ['a dynamic label made, on all', async () => createGroup(server)],
    ['a rollout begun for it: its members are kept', async () => startFor(server)],
    ['the look at all devices, nothing to do', async () => look(server)],
    ['the same, 16 dynamic labels', async () => lookForMany(server)],
    ['unlabel of all', bulk({ verb: 'unlabel', label: 'all' })],
    ['the look at all devices, all lose it', async () => look(server)],
    ['hold of all', bulk({ verb: 'hold', reason: 'bench' })],
    ['release of all', bulk({ verb: 'release' })],
    ['forgive on all', bulk({ verb: 'clear_known_bad' })],
    ['remove of all', bulk({ verb: 'remove' })],
  ];
}

/** By two things that devices say, one label and the time. */
const GROUP = `${EVERYONE} and version < 2 and label all and not first seen before 2020-01-01`;

async function createGroup(server: TestServer): Promise<void> {
  await server.admin('createLabel', { body: { name: 'group', where: GROUP } });
}

async function startFor(server: TestServer): Promise<void> {
  const line = new ProductLine(server, 1);
  const image = line.image('1.1.0', { projectName: PRODUCT });
  await server.admin('uploadFirmware', {
    query: { product: PRODUCT, version: '1.1.0', pilot_ready: 'true' },
    body: image,
  });
  await server.admin('createRollout', {
    body: { version: '1.1.0', product: PRODUCT, pilot_label: 'group', name: 'r' },
  });
  await server.admin('startRollout', { params: { name: 'r' }, body: {} });
  await server.admin('abortRollout', { params: { name: 'r' }, body: {} });
}

async function look(server: TestServer): Promise<void> {
  server.clock.advance(REGROUP_MS / 1000 + 1);
  await server.tick();
}

async function lookForMany(server: TestServer): Promise<void> {
  for (let number = 1; number < MAX_DYNAMIC_LABELS; number += 1)
    await server.admin('createLabel', { body: { name: `group-${number}`, where: `${GROUP} and held` } });
  const began = performance.now();
  await look(server);
  process.stdout.write(`${MAX_DYNAMIC_LABELS} dynamic labels: ${(performance.now() - began).toFixed(0)} ms\n`);
  for (let number = 1; number < MAX_DYNAMIC_LABELS; number += 1)
    await server.admin('deleteLabel', { params: { name: `group-${number}` }, query: { confirm: 'true' } });
}

async function changeAll(server: TestServer, change: BulkChange): Promise<void> {
  let cursor: string | undefined;
  do {
    const { next_cursor } = await server.admin('changeInBulk', { body: { ...change, confirm: true, cursor } });
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined);
}

/** As it was before there was a query. */
async function labelByMac(server: TestServer): Promise<void> {
  let cursor: string | undefined;
  let labelled = 0;
  do {
    const { items, next_cursor } = await server.admin('listDevices', {
      query: { limit: '500', ...(cursor === undefined ? {} : { cursor }) },
    });
    await server.admin('labelDevices', { params: { name: 'each' }, body: { macs: items.map(({ mac }) => mac) } });
    labelled += items.length;
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined && labelled < MOST_BY_MAC);
}
