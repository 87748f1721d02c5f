// A board that downloads from a real server, as people run it, which is killed with SIGKILL in the middle and started again.

import { expect, test } from 'vitest';
import { newHome, startServerProcess } from '../support/server/process.ts';
import { Bench } from './support/bench.ts';
import { TcpTap } from './support/tcp-tap.ts';

const IMAGE_BYTES = 800 * 1024;
/** What a connection costs besides the image: handshake, heads, record headers. */
const OVERHEAD_BYTES = 24 * 1024;

test('a server that is killed in the middle of a download and comes back goes on where it was cut', async ({
  onTestFinished,
}) => {
  const home = await newHome();
  const options = { env: { OTTER_POLL_INTERVAL: '30s' } };
  const first = await startServerProcess(home, options);
  const bench = new Bench(first, onTestFinished);
  const image = await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
  const tap = await TcpTap.start(first.url, onTestFinished);
  const held = tap.hold(IMAGE_BYTES / 2);
  const device = await bench.board({ at: { url: tap.url, pin: first.pin } });
  await held;
  await first.kill9();
  tap.loseTarget();
  await device.waitFor('download_interrupted');
  const second = await startServerProcess(home, options);
  tap.moveTo(second.url);
  await device.waitFor('confirmed');
  await bench.moveTo(second).knowsUpdated('1.1.0');
  // Every byte came once: what is more is the cost of the connections.
  const connections = tap.connections.filter(({ receivedBytes }) => receivedBytes > 0).length;
  expect(tap.receivedBytes).toBeGreaterThan(image.length);
  expect(tap.receivedBytes).toBeLessThan(image.length + connections * OVERHEAD_BYTES);
  expect(connections * OVERHEAD_BYTES).toBeLessThan(IMAGE_BYTES / 2);
  expect(device.eventsOf('boot')).toHaveLength(2);
});
