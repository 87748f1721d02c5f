// What a board says at its serial monitor, line by line, against a real server: an update from the first start to the
// confirmation, and the mistakes that everybody makes once. Each has a line of its own that names it and what to do.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeCertificate } from '../simulator/scripted-server.ts';
import type { TestServer } from '../support/server/server.ts';
import { Bench, type BoardSpec, type OnTestFinished, startServerForBoards } from './support/bench.ts';
import type { OtterDevice } from './support/otter-device.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServerForBoards();
});
afterAll(async () => server.end());

/** A line comes through another pipe than the event that it tells. */
async function line(device: OtterDevice, wanted: RegExp): Promise<string> {
  return vi.waitFor(() => {
    const found = device.log.find((said) => wanted.test(said));
    expect(found, `${wanted} in\n${device.log.join('\n')}`).toBeDefined();
    return found ?? '';
  });
}

test('an update is told from the first start to the confirmation', async ({ onTestFinished }) => {
  const bench = new Bench(server, onTestFinished);
  const device = await bench.board();
  await device.waitFor('checked');
  const image = await bench.offer('1.1.0', { sizeBytes: 200 * 1024 });
  await device.waitFor('confirmed');
  await line(device, /confirmed/);
  const where = server.url.host;
  const told = device.log.map((said) => said.replace(/about \d+ s/, 'about N s'));
  const { product } = bench.line;
  const expected = [
    `otter: started: ${product} 1.0.0 on esp32 ${bench.mac}, server ${server.url.origin}`,
    `otter: connected to ${where}, pin ok`,
    expect.stringMatching(/^otter: checked: nothing new, 1\.0\.0 stays \(\w+\), next check in about N s$/),
    `otter: offered: 1.1.0, ${image.length} bytes`,
    'otter: downloading 1.1.0',
    ...[10, 20, 30, 40, 50, 60, 70, 80, 90, 100].map(() =>
      expect.stringMatching(new RegExp(`^otter: progress: \\d+ % of ${image.length} bytes$`)),
    ),
    'otter: downloaded 1.1.0 and verified; it waits for a quiet moment',
    'otter: installing 1.1.0: the board restarts',
    `otter: started: ${product} 1.1.0 on esp32 ${bench.mac}, server ${server.url.origin}`,
    'otter: on trial: 1.1.0 has 3600 s to reach the server',
    `otter: connected to ${where}, pin ok`,
    'otter: confirmed: 1.1.0 stays on this board',
  ];
  // Between the first check and the offer it may have asked again, on a new connection each time.
  const firstOffer = told.findIndex((said) => said.includes('offered'));
  const lastConnection = told.slice(0, firstOffer).lastIndexOf(`otter: connected to ${where}, pin ok`);
  expect(lastConnection).toBeGreaterThan(1);
  expect([...told.slice(0, 3), ...told.slice(firstOffer)].slice(0, expected.length)).toEqual(expected);
});

interface Mistake {
  readonly name: string;
  /** The line names it, and says what to do. */
  readonly says: RegExp;
  readonly isConnected: boolean;
  readonly board: () => BoardSpec | Promise<BoardSpec>;
}

const MISTAKES: readonly Mistake[] = [
  {
    name: 'a wrong pin',
    says: /pin_mismatch: .*npx otter cert show/,
    isConnected: false,
    board: async () => ({ at: { url: server.url, pin: (await makeCertificate()).pin } }),
  },
  {
    name: 'a wrong token',
    says: /auth: the server refused the token \(status 401\).*fleet\.token/,
    isConnected: true,
    board: () => ({ args: ['--token', 'otf_wrong'] }),
  },
  {
    name: 'a name that is not there',
    says: /dns: .*\(otter\.invalid:8443\).*Is the name in the address right/,
    isConnected: false,
    board: () => at('https://otter.invalid:8443'),
  },
  {
    name: 'an address to which there is no way',
    says: /connect: .*there is no way to this address.*Is Otter running/,
    isConnected: false,
    board: () => at('https://224.0.0.1:8443'),
  },
  {
    name: 'a server that is off',
    says: /connect: .*the machine is there, but nothing listens at this port.*Is Otter running/,
    isConnected: false,
    board: async () => at(`https://127.0.0.1:${await closedPort()}`),
  },
  {
    name: 'a port that speaks no TLS',
    says: /tls: .*does not speak TLS.*Is this the HTTPS port of Otter/,
    isConnected: false,
    board: async () => at(`https://127.0.0.1:${await plainPort()}`),
  },
];

const told = new Map<string, string>();

describe.concurrent('a mistake is told in a line of its own', () => {
  test.for(MISTAKES)('$name', async ({ name, says, isConnected, board }, { onTestFinished }) => {
    const device = await new Bench(server, onTestFinished).board(await board());
    await device.waitFor('failed');
    const said = await line(device, /failed/);
    expect(said).toMatch(says);
    expect(said).toMatch(/^otter: failed: \w+: .+\. .+[.?] Next try in about \d+ s$/);
    expect(device.log.some((each) => each.endsWith('pin ok'))).toBe(isConnected);
    expect(device.log.join('\n')).not.toMatch(/checked|offered/);
    told.set(name, said.replaceAll(/\d+/g, 'N'));
  });
});

test('no two mistakes look alike', () => {
  expect(told.size).toBe(MISTAKES.length);
  expect(new Set(told.values()).size).toBe(MISTAKES.length);
});

test('a setting that is wrong is told, with what to write', async ({ onTestFinished }) => {
  const device = await boardWith(['--interval', '5'], onTestFinished);
  await device.exit();
  expect(device.log).toEqual([
    'otter: not started: settings: a setting of the sketch is wrong (interval: 30 to 86400 seconds). Change what is named here in the sketch.',
  ]);
});

test('a board with one slot says why it installs nothing', async ({ onTestFinished }) => {
  const device = await boardWith(['--slots', '1'], onTestFinished);
  await device.waitFor('checked');
  expect(await line(device, /can install nothing/)).toMatch(
    /no_ota_slot: .*Choose a partition scheme with two OTA slots/,
  );
});

function at(url: string): BoardSpec {
  return { at: { url: new URL(url), pin: server.pin } };
}

async function boardWith(args: readonly string[], onTestFinished: OnTestFinished): Promise<OtterDevice> {
  return new Bench(server, onTestFinished).board({ args });
}

const plain: Server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
});
afterAll(() => plain.close());

async function plainPort(): Promise<number> {
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  return portOf(plain);
}

/** A port where somebody was, and is no longer. */
async function closedPort(): Promise<number> {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const port = portOf(gone);
  gone.close();
  await once(gone, 'close');
  return port;
}

function portOf(listening: Server): number {
  return (listening.address() as AddressInfo).port;
}
