// What a poll leaves behind in the process: nothing. Counted on a real server, where a leaked timer, socket or statement of
// each request would be thousands of them.

import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PinnedAgent } from '#protocol/pinned-https.ts';
import { requestPinned } from '#protocol/pinned-https.ts';
import { addFirmware, mac, rollOut } from '../support/fleet.ts';
import { sizeOf } from '../support/scope.ts';
import { newHome, type ServerProcess, startServerProcess } from '../support/server/process.ts';

const { CHECKS, WARM_UP_CHECKS, CONNECTIONS, GROWTH_MIB } = sizeOf({
  push: { CHECKS: 4_000, WARM_UP_CHECKS: 2_000, CONNECTIONS: 100, GROWTH_MIB: 32 },
  whole: { CHECKS: 20_000, WARM_UP_CHECKS: 4_000, CONNECTIONS: 300, GROWTH_MIB: 48 },
});
const DEVICES = 200;

/** The first checks fill caches and let the engine compile; what comes after them may grow by this much in all. */
const GROWTH_BYTES = GROWTH_MIB * 1_048_576;

test.skipIf(!existsSync('/proc/self/fd'))(
  `${CHECKS} check-ins and ${CONNECTIONS} connections leave no open file and little memory (needs Linux)`,
  async () => {
    const server = await startServerProcess(await newHome(), { env: { OTTER_LOG_LEVEL: 'warn' } });
    await addFirmware(server, '1.1.0');
    await rollOut(server, '1.1.0', 'pilot');
    await checkMany(server, WARM_UP_CHECKS);
    await settle();
    const before = { files: await server.process.countOpenFiles(), bytes: await server.process.readMemoryBytes() };
    await checkMany(server, CHECKS);
    for (let count = 0; count < CONNECTIONS; count += 1) await checkAlone(server, mac(count % DEVICES));
    await settle();
    expect(await server.process.countOpenFiles()).toBeLessThanOrEqual(before.files + 2);
    expect((await server.process.readMemoryBytes()) - before.bytes).toBeLessThan(GROWTH_BYTES);
    expect((await server.admin('getStatus')).devices.total).toBe(DEVICES);
  },
);

async function checkMany(server: ServerProcess, checks: number): Promise<void> {
  const lanes = 8;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let count = lane; count < checks; count += lanes) await server.checkIn(mac(count % DEVICES), '1.0.0');
    }),
  );
}

/** Over a connection of its own, as a board that sleeps between polls. */
async function checkAlone(server: ServerProcess, device: string): Promise<void> {
  const agent = new PinnedAgent(server.pin, { keepAlive: false });
  const { status } = await requestPinned({
    method: 'POST',
    url: new URL('/api/v1/check-update', server.url),
    agent,
    headers: { authorization: `Bearer ${server.fleetToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ mac: device, current_version: '1.0.0' }),
  });
  agent.destroy();
  expect(status).toBe(200);
}

/** Longer than soft state is kept and than a connection may idle. */
async function settle(): Promise<void> {
  await delay(6_500);
}
