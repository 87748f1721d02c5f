// A disk that fails: fsync says EIO. What could not be made durable is refused and never answered as done, also when the
// kernel would let the next fsync pass; what is there is still served. strace makes the fault, in the running server.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { addDevices, addFirmware, imageOf, rollOut } from '../support/fleet.ts';
import { newHome, startServerProcess } from '../support/server/process.ts';
import type { ServerProcess } from '../support/server/process.ts';

const CAN_TRACE = canTrace();

test.skipIf(!CAN_TRACE)(
  `nothing is acknowledged that a failing disk did not take${CAN_TRACE ? '' : ' (skipped: strace cannot attach here)'}`,
  async () => {
    const server = await startServerProcess(await newHome());
    const [device = ''] = await addDevices(server, 1, '1.0.0');
    await addFirmware(server, '1.1.0');
    await rollOut(server, '1.1.0', 'expand');
    const { assignment_id, url = '' } = await server.checkIn(device, '1.0.0');
    const report = { mac: device, assignment_id, sequence: 1, status: 'downloading' };

    const fault = await failSyncs(server);
    expect(await server.device('report-status', report)).toMatchObject({ status: 503 });
    expect((await server.tryAdmin('uploadFirmware', { body: imageOf('1.2.0') })).status).toBeGreaterThanOrEqual(500);
    expect(await server.checkIn(device, '1.0.0')).toMatchObject({ update_available: true });
    const { status, body } = await server.fetch('GET', url, { token: server.fleetToken });
    expect(status).toBe(200);
    expect(body.equals(imageOf('1.1.0'))).toBe(true);
    await fault.end();

    expect(await server.device('report-status', report)).toMatchObject({ status: 200, body: { duplicate: false } });
    expect(await server.tryAdmin('getFirmware', { params: { version: '1.2.0' } })).toMatchObject({ status: 404 });
    expect(await server.admin('uploadFirmware', { body: imageOf('1.2.0') })).toMatchObject({ already_there: false });
    expect(await server.stop()).toMatchObject({ code: 0 });
  },
);

/** From now on every fsync and fdatasync of the server fails, until `end`. */
async function failSyncs(server: ServerProcess): Promise<{ readonly end: () => Promise<void> }> {
  const tracer = spawn('strace', injectInto(server.process.child), { stdio: 'ignore' });
  onTestFinished(() => void tracer.kill('SIGKILL'));
  await delay(500);
  return {
    end: async () => {
      tracer.kill('SIGINT');
      await once(tracer, 'exit');
    },
  };
}

function injectInto({ pid }: ChildProcess): readonly string[] {
  return ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=fsync,fdatasync:error=EIO', '-p', String(pid)];
}

/** Whether strace is there and may look into a process that it did not start: then it goes on until it is stopped. */
function canTrace(): boolean {
  const sleeper = spawn('sleep', ['5'], { stdio: 'ignore' });
  const { signal } = spawnSync('strace', injectInto(sleeper), { stdio: 'ignore', timeout: 300 });
  sleeper.kill();
  return signal !== null;
}
