// A board with two addresses of its server: it goes to the other where one does not answer, and asks first where it was
// answered last, after a restart too.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestServer } from '../support/server/server.ts';
import { Bench, type OnTestFinished, startServerForBoards } from './support/bench.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServerForBoards();
});
afterAll(async () => server.end());

test('an address that does not answer is left for the other, and not asked first again', async ({ onTestFinished }) => {
  const dead = await deadAddress(onTestFinished);
  const bench = new Bench(server, onTestFinished);
  const at = { url: dead.url, pin: server.pin };
  const device = await bench.board({ at, args: ['--server', server.url.origin] });
  await device.waitFor('checked');
  expect(dead.visits()).toBe(1);
  expect(device.eventsOf('failed')).toEqual([]);
  expect(device.log).toContain(`otter: connected to ${server.url.host}, pin ok`);

  await device.waitFor('checked', { after: device.moment });
  await device.switchOff();
  device.switchOn();
  await device.waitFor('checked', { after: device.moment });
  expect(dead.visits()).toBe(1);
});

test('a whole update comes from the second address', async ({ onTestFinished }) => {
  const dead = await deadAddress(onTestFinished);
  const bench = new Bench(server, onTestFinished);
  await bench.offer('1.1.0');
  const at = { url: dead.url, pin: server.pin };
  const device = await bench.board({ at, args: ['--server', server.url.origin] });
  await device.waitFor('confirmed');
  await bench.knowsUpdated('1.1.0');
});

test('where neither answers it says so once for each check', async ({ onTestFinished }) => {
  const [one, two] = [await deadAddress(onTestFinished), await deadAddress(onTestFinished)];
  const bench = new Bench(server, onTestFinished);
  const device = await bench.board({ at: { url: one.url, pin: server.pin }, args: ['--server', two.url.origin] });
  await device.waitFor('failed');
  expect([one.visits(), two.visits()]).toEqual([1, 1]);
  expect(device.eventsOf('failed')).toHaveLength(1);
});

test('a server that refuses the token has answered: the other is not asked', async ({ onTestFinished }) => {
  const dead = await deadAddress(onTestFinished);
  const bench = new Bench(server, onTestFinished);
  const device = await bench.board({ args: ['--server', dead.url.origin, '--token', 'otf_wrong'] });
  expect(await device.waitFor('failed')).toMatchObject({ error: 'auth' });
  expect(dead.visits()).toBe(0);
});

/** Takes a connection and hangs up. */
async function deadAddress(
  onTestFinished: OnTestFinished,
): Promise<{ readonly url: URL; readonly visits: () => number }> {
  let visits = 0;
  const listening = createServer((socket: Socket) => {
    visits += 1;
    socket.on('error', () => undefined);
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  onTestFinished(async () => void listening.close());
  const { port } = listening.address() as AddressInfo;
  return { url: new URL(`https://127.0.0.1:${port}`), visits: () => visits };
}
