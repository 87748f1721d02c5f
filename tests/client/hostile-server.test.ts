// The rows of surface "Client meeting a hostile or broken server" of tests/data/bad-inputs.tsv: the real library on boards of
// `otter-device`, before a server that breaks one thing after another. Whatever it does, the build that runs goes on running,
// the board asks again, and what it found stands at the real server where there is an attempt to tell of.

import { createSign, generateKeyPairSync, hash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Offer } from '#protocol/device/api.ts';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import { makeCertificate, NOTHING_NEW } from '../simulator/scripted-server.ts';
import { sizeOf } from '../support/scope.ts';
import type { TestServer } from '../support/server/server.ts';
import { newKey } from '../support/signing.ts';
import {
  Bench,
  finalReportsOf,
  HASTE,
  type OnTestFinished,
  REST_SPEED,
  SPEED,
  startServerForBoards,
} from './support/bench.ts';
import { type Certificate, type Door, type Exchange, type Fault, FaultProxy, headOf } from './support/fault-proxy.ts';
import type { OtterDevice } from './support/otter-device.ts';

// Boards wait for much, so more of them than usual at once.
vi.setConfig({ maxConcurrency: 6 });

const IMAGE_BYTES = 96 * 1024;
/** What a server may get rid of before it notices that a board has hung up: pieces on their way. */
const UNNOTICED_BYTES = 64 * 1024;

let server: TestServer;
let certificate: Certificate;
let otherCertificate: Certificate;
let folder: string;
const trustedKey = newKey();
const releaseKey = { privateKey: trustedKey.privateKey, publicKey: trustedKey.releaseKey.key };
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
beforeAll(async () => {
  server = await startServerForBoards();
  [certificate, otherCertificate] = await Promise.all([makeCertificate(), makeCertificate()]);
  folder = await mkdtemp(join(tmpdir(), 'otter-keys-'));
  await writeFile(join(folder, 'release.pem'), releaseKey.publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true });
});

/** What a board meets, what it calls that, and how it ends. */
interface Ordeal {
  readonly faults?: FaultProxy['faults'];
  readonly door?: () => Door;
  /** Options of the board. */
  readonly args?: readonly string[];
  readonly speed?: number;
  readonly error: DeviceErrorName;
  /**
   * `asks again`: the next check-in is as if nothing had happened. `updates`: once the fault is gone, the update goes on.
   * Otherwise the state that the server knows, with the error.
   */
  readonly ends: 'asks again' | 'updates' | 'rejected' | 'failed';
}

interface Endured {
  readonly bench: Bench;
  readonly proxy: FaultProxy;
  readonly device: OtterDevice;
}

/** One board through one ordeal. */
async function endure(onTestFinished: OnTestFinished, ordeal: Ordeal): Promise<Endured> {
  const proxy = await FaultProxy.start(server, certificate, onTestFinished);
  const bench = new Bench(server, onTestFinished);
  // A board that knows a key is offered only what it signed; what arrives is another matter.
  if (ordeal.args?.includes('--release-key') === true) await bench.trust(trustedKey);
  await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
  proxy.faults = ordeal.faults ?? {};
  proxy.door = ordeal.door?.() ?? proxy.door;
  const device = await bench.board({ at: proxy, args: ordeal.args ?? [], speed: ordeal.speed ?? SPEED });
  await device.waitFor(['failed', 'rejected', 'download_interrupted'], {
    where: ({ error }) => error === ordeal.error,
  });
  expectAsBefore(device);
  proxy.heal();
  if (ordeal.ends === 'asks again') proxy.faults.check = async (exchange) => exchange.sendJson(NOTHING_NEW);
  proxy.door = { kind: 'open', certificate };
  const checkIns = proxy.checkIns.length;
  if (ordeal.ends === 'updates') {
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
    expect(device.eventsOf('boot')).toHaveLength(2);
    return { bench, proxy, device };
  }
  if (ordeal.ends !== 'asks again') {
    await bench.knows({ state: ordeal.ends, error_code: ordeal.error }, { current_version: '1.0.0' });
    expect(await finalReportsOf(server, bench.mac)).toEqual([[ordeal.ends]]);
  }
  await proxy.seen(checkIns + 1);
  await device.waitFor('checked');
  expect(proxy.checkIns.at(-1)).toMatchObject({ current_version: '1.0.0', boot: { state: 'confirmed' } });
  expectAsBefore(device);
  return { bench, proxy, device };
}

/** Of the same kind; the library's own tests have all of them. */
const MOST_AT_ONCE = sizeOf({ push: 2, whole: Number.POSITIVE_INFINITY });

/** Several ordeals at once, each with its own board; says which of them failed. */
async function endureAll(
  onTestFinished: OnTestFinished,
  ordeals: Readonly<Record<string, Ordeal>>,
): Promise<readonly Endured[]> {
  return Promise.all(
    Object.entries(ordeals)
      .slice(0, MOST_AT_ONCE)
      .map(async ([name, ordeal]) =>
        endure(onTestFinished, ordeal).catch((cause: unknown) => {
          throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
        }),
      ),
  );
}

/** The build that was flashed by cable runs, and nothing was installed. */
function expectAsBefore(device: OtterDevice): void {
  expect(device.isRunning).toBe(true);
  expect(device.eventsOf('boot')).toMatchObject([{ slot: 0, version: '1.0.0' }]);
  expect(device.names()).not.toContain('installing');
}

/** The same fault for every check-in (or download) until it is gone. */
const onCheck = (fault: Fault): Pick<Ordeal, 'faults'> => ({ faults: { check: fault } });
const onImage = (fault: Fault): Pick<Ordeal, 'faults'> => ({ faults: { image: fault } });

/** Answers a check-in with this text. */
const says = (change: (answer: string) => string | Buffer): Fault => {
  return async (exchange) => {
    const { status, headers, body } = await exchange.ask();
    await exchange.send({ status, headers, body: Buffer.from(change(body.toString())) });
  };
};

/** Changes the manifest of the real offer; what is no offer is relayed. */
const offers = (change: (manifest: Offer['manifest']) => object): Fault =>
  says((text) => {
    const answer = JSON.parse(text) as Offer | { readonly update_available: false };
    return JSON.stringify(answer.update_available ? { ...answer, manifest: change(answer.manifest) } : answer);
  });

/** Sends these bytes as they are, and closes. */
const sends = (bytes: string | Buffer): Fault => {
  return async (exchange) => {
    await exchange.write(bytes);
    exchange.end();
  };
};

/** Sends pieces until the board hangs up, and notes how many bytes that took. */
function endless(head: string, piece: string | Buffer, count: number): { readonly fault: Fault; sentBytes: number } {
  const dribbled = {
    sentBytes: 0,
    fault: async (exchange: Exchange): Promise<void> => {
      await exchange.write(head);
      await exchange.dribble(repeat(piece, count), 2);
      dribbled.sentBytes = Math.max(dribbled.sentBytes, exchange.sentBytes);
      exchange.end();
    },
  };
  return dribbled;
}

function* repeat(piece: string | Buffer, count: number): Generator<string | Buffer> {
  for (let index = 0; index < count; index += 1) yield piece;
}

/** The real image with one change. */
const changesImage = (change: (image: Buffer) => Buffer): Fault => {
  return async (exchange) => {
    const { status, headers, body } = await exchange.ask();
    await exchange.send({ status, headers, body: change(Buffer.from(body)) });
  };
};

/** The real image under other headers. */
const imageUnder = (head: (lengthBytes: number) => Readonly<Record<string, string>>, status = 200): Fault => {
  return async (exchange) => {
    const { headers, body } = await exchange.ask();
    await exchange.write(headOf(status, { ...headers, ...head(body.length) }));
    await exchange.write(body);
    exchange.end();
  };
};

describe.concurrent('the connection', () => {
  test('G1 a certificate with another key gets not one byte of a request', async ({ onTestFinished }) => {
    const { proxy } = await endure(onTestFinished, {
      door: () => ({ kind: 'open', certificate: otherCertificate }),
      error: 'pin_mismatch',
      ends: 'updates',
    });
    expect(proxy.visits[0]).toMatchObject({ requestBytes: 0 });
  });

  test('G2 a connection that is reset and comes back with another key gets nothing', async ({ onTestFinished }) => {
    let firstAtStranger = Number.NaN;
    const { proxy } = await endure(onTestFinished, {
      faults: {
        image: async (exchange) => {
          const { status, headers, body } = await exchange.ask();
          await exchange.write(headOf(status, { ...headers, 'content-length': String(body.length) }));
          await exchange.write(body.subarray(0, 20_000));
          await exchange.rest(100);
          exchange.proxy.door = { kind: 'open', certificate: otherCertificate };
          firstAtStranger = exchange.proxy.visits.length;
          exchange.reset();
        },
      },
      error: 'pin_mismatch',
      ends: 'updates',
    });
    expect(proxy.visits[firstAtStranger]).toMatchObject({ requestBytes: 0 });
    expect(proxy.downloads.at(-1)).toMatch(/^bytes=\d+-$/);
  });

  test('G3 TLS 1.0 and 1.1 are refused', async ({ onTestFinished }) => {
    const { proxy } = await endure(onTestFinished, {
      door: () => ({ kind: 'old', certificate }),
      error: 'tls',
      ends: 'updates',
    });
    expect(proxy.visits[0]).toMatchObject({ door: 'old', requestBytes: 0 });
  });

  test('G5 a handshake that stalls is given up', async ({ onTestFinished }) => {
    await endure(onTestFinished, { door: () => ({ kind: 'silent' }), speed: HASTE, error: 'tls', ends: 'updates' });
  });

  test('G6 a redirect to another host is not followed', async ({ onTestFinished }) => {
    let visits = 0;
    const elsewhere = net.createServer((socket) => {
      visits += 1;
      socket.destroy();
    });
    elsewhere.listen(0, '127.0.0.1');
    onTestFinished(async () => void elsewhere.close());
    const redirect: Fault = async (exchange) =>
      exchange.send({
        status: 302,
        headers: { location: `https://127.0.0.1:${(elsewhere.address() as net.AddressInfo).port}/` },
      });
    await endureAll(onTestFinished, {
      'a check-in': { ...onCheck(redirect), error: 'redirect_refused', ends: 'asks again' },
      'a download': { ...onImage(redirect), error: 'redirect_refused', ends: 'failed' },
    });
    expect(visits).toBe(0);
  });

  test('G7 HTTP without TLS is refused', async ({ onTestFinished }) => {
    await endure(onTestFinished, { door: () => ({ kind: 'plain' }), error: 'tls', ends: 'updates' });
  });
});

describe.concurrent('the status of an answer', () => {
  test('G9 401 and 403 are a matter of the token', async ({ onTestFinished }) => {
    await endureAll(onTestFinished, {
      'a token that the real server refuses': {
        ...onCheck(async (exchange) => exchange.send(await exchange.ask({ authorization: 'Bearer otf_wrong' }))),
        error: 'auth',
        ends: 'asks again',
      },
      '403 to a check-in': {
        ...onCheck(async (exchange) => exchange.send({ status: 403 })),
        error: 'auth',
        ends: 'asks again',
      },
      'a token that is refused for the download': {
        ...onImage(async (exchange) => exchange.send(await exchange.ask({ authorization: 'Bearer otf_wrong' }))),
        error: 'auth',
        ends: 'failed',
      },
    });
  });

  test('G10 Retry-After of 31 years does not wedge a board', async ({ onTestFinished }) => {
    const { bench, proxy, device } = await answeredOnce(onTestFinished, '999999999');
    // It is obeyed: its own back-off would have been over by now.
    await new Promise((waited) => setTimeout(waited, (75_000 / SPEED / REST_SPEED) * 2));
    expect(proxy.checkIns).toHaveLength(1);
    expectAsBefore(device);
    await device.switchOff();
    device.switchOn();
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
  });

  test('G11 Retry-After that is no number leaves the back-off to the board', async ({ onTestFinished }) => {
    await Promise.all(
      ['-1', 'abc', ''].map(async (value) => {
        const { bench, device } = await answeredOnce(onTestFinished, value);
        await device.waitFor('confirmed');
        await bench.knowsUpdated('1.1.0');
      }),
    );
  });

  /** A board whose first check-in was answered 503 with this Retry-After. */
  async function answeredOnce(onTestFinished: OnTestFinished, retryAfter: string): Promise<Endured> {
    const proxy = await FaultProxy.start(server, certificate, onTestFinished);
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0');
    proxy.faults.check = async (exchange) =>
      exchange.index === 0 ? exchange.send({ status: 503, headers: { 'retry-after': retryAfter } }) : exchange.relay();
    const device = await bench.board({ at: proxy });
    await device.waitFor('failed', { where: ({ error }) => error === 'http_status' });
    return { bench, proxy, device };
  }

  test('G13 500 with a body of 10 MB is hung up on', async ({ onTestFinished }) => {
    const onCheckIn = endless(headOf(500, { 'content-length': '10485760' }), Buffer.alloc(1024, 0x20), 10_240);
    const onDownload = endless(headOf(500, { 'content-length': '10485760' }), Buffer.alloc(1024, 0x20), 10_240);
    await endureAll(onTestFinished, {
      'a check-in': { ...onCheck(onCheckIn.fault), error: 'http_status', ends: 'asks again' },
      'a download': { ...onImage(onDownload.fault), error: 'http_status', ends: 'updates' },
    });
    expect(onCheckIn.sentBytes).toBeLessThan(UNNOTICED_BYTES);
    expect(onDownload.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });
});

describe.concurrent('the head of an answer', () => {
  test('G14 a header line without end is too large', async ({ onTestFinished }) => {
    const line = endless('HTTP/1.1 200 OK\r\nX-Line: ', 'a'.repeat(256), 40_000);
    await endure(onTestFinished, { ...onCheck(line.fault), error: 'too_large', ends: 'updates' });
    expect(line.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('G15 a thousand headers are too large', async ({ onTestFinished }) => {
    const ten = 'X-Header: of many, and then some more of them\r\n'.repeat(10);
    const headers = endless('HTTP/1.1 200 OK\r\n', ten, 100);
    await endure(onTestFinished, { ...onCheck(headers.fault), error: 'too_large', ends: 'updates' });
    expect(headers.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('G17 a chunk of FFFFFFFF bytes, and other sizes that are none, are no HTTP', async ({ onTestFinished }) => {
    const chunked = headOf(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    const broken = (size: string): Ordeal => ({
      ...onCheck(sends(`${chunked}${size}\r\n{}\r\n0\r\n\r\n`)),
      error: 'http_protocol',
      ends: 'asks again',
    });
    await endureAll(onTestFinished, {
      FFFFFFFF: broken('FFFFFFFF'),
      'more than 32 bits': broken('100000002'),
      negative: broken('-2'),
      'a word': broken('two'),
      nothing: broken(''),
      'a download': { ...onImage(sends(`${chunked}FFFFFFFF\r\n`)), error: 'length', ends: 'failed' },
    });
  });

  test('G18 chunks without end are too large', async ({ onTestFinished }) => {
    const chunk = `400\r\n${' '.repeat(1024)}\r\n`;
    const chunks = endless(headOf(200, { 'transfer-encoding': 'chunked' }), chunk, 10_000);
    await endure(onTestFinished, { ...onCheck(chunks.fault), error: 'too_large', ends: 'updates' });
    expect(chunks.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('G19 an image without Content-Length is not begun', async ({ onTestFinished }) => {
    const without: Fault = async (exchange) => {
      const { status, headers, body } = await exchange.ask();
      await exchange.write(headOf(status, headers));
      await exchange.write(body);
      exchange.end();
    };
    const { device } = await endure(onTestFinished, { ...onImage(without), error: 'http_protocol', ends: 'updates' });
    const errorAt = device.events.findIndex(({ error }) => error === 'http_protocol');
    expect(device.events.slice(0, errorAt).map(({ event }) => event)).not.toContain('progress');
  });

  test('G21 an image that is shorter than the manifest says is refused', async ({ onTestFinished }) => {
    const cut: Fault = async (exchange) => {
      const { headers, body } = await exchange.ask();
      await exchange.send({ headers, body: body.subarray(0, body.length - 100) });
    };
    const short: Fault = async (exchange) => {
      const { headers, body } = await exchange.ask();
      await exchange.write(headOf(200, { ...headers, 'content-length': String(body.length) }));
      await exchange.write(body.subarray(0, body.length - 100));
      exchange.end();
    };
    await endureAll(onTestFinished, {
      'its length says so': { ...onImage(cut), error: 'length', ends: 'failed' },
      'its length does not say so': { ...onImage(short), error: 'connection_lost', ends: 'updates' },
    });
  });

  test('G22 a Content-Length that is negative, huge, doubled or no number is no HTTP', async ({ onTestFinished }) => {
    const ofLength = (length: string): Ordeal => ({
      ...onCheck(sends(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n{}`)),
      error: 'http_protocol',
      ends: 'asks again',
    });
    const image = imageUnder(() => ({ 'content-length': '-1' }));
    await endureAll(onTestFinished, {
      negative: ofLength('-1'),
      huge: ofLength('4294967297'),
      doubled: ofLength('2\r\nContent-Length: 2'),
      'no number': ofLength('two'),
      'with chunks besides': ofLength('2\r\nTransfer-Encoding: chunked'),
      'a download': { ...onImage(image), error: 'http_protocol', ends: 'updates' },
    });
  });

  test('G23 of more bytes than promised only the promised ones are taken', async ({ onTestFinished }) => {
    const proxy = await FaultProxy.start(server, certificate, onTestFinished);
    const bench = new Bench(server, onTestFinished);
    const image = await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    proxy.faults.image = async (exchange) => {
      await exchange.send(await exchange.ask());
      await exchange.write(image);
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
    const overfull = device.eventsOf('progress').filter(({ done }) => Number(done) > image.length);
    expect(overfull).toEqual([]);
    // What comes behind the image does not keep the requests after it from getting through.
    await vi.waitFor(async () => expect(await finalReportsOf(server, bench.mac)).toEqual([['confirmed']]));
  });
});

describe.concurrent('time', () => {
  /** One byte each 9 seconds of the board. */
  const slowly = async (exchange: Exchange, bytes: Buffer): Promise<void> =>
    exchange.dribble(
      Array.from({ length: bytes.length }, (_, index) => bytes.subarray(index, index + 1)),
      9_000 / HASTE,
    );

  test('G25 an answer of one byte each 9 seconds is given up', async ({ onTestFinished }) => {
    const checkIn: Fault = async (exchange) => {
      const { headers, body } = await exchange.ask();
      await exchange.write(headOf(200, { ...headers, 'content-length': String(body.length) }));
      await slowly(exchange, body);
    };
    const head: Fault = async (exchange) => slowly(exchange, Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'));
    await endureAll(onTestFinished, {
      'the body of a check-in': { ...onCheck(checkIn), speed: HASTE, error: 'timeout', ends: 'asks again' },
      'the head of a check-in': { ...onCheck(head), speed: HASTE, error: 'timeout', ends: 'asks again' },
      'an image': { ...onImage(checkIn), speed: HASTE, error: 'stalled', ends: 'updates' },
    });
  });

  test('an answer that stops in the middle is given up', async ({ onTestFinished }) => {
    const stops: Fault = async (exchange) => {
      const { headers, body } = await exchange.ask();
      await exchange.write(headOf(200, { ...headers, 'content-length': String(body.length) }));
      await exchange.write(body.subarray(0, body.length / 2));
      await exchange.stall();
    };
    const [, image] = await endureAll(onTestFinished, {
      'a check-in': { ...onCheck(stops), speed: HASTE, error: 'stalled', ends: 'asks again' },
      'an image': { ...onImage(stops), speed: HASTE, error: 'stalled', ends: 'updates' },
      'no answer at all': {
        ...onCheck(async (exchange) => exchange.stall()),
        speed: HASTE,
        error: 'stalled',
        ends: 'asks again',
      },
    });
    expect(image?.proxy.downloads.at(-1)).toMatch(/^bytes=\d+-$/);
  });
});

describe.concurrent('an enrolment', () => {
  /** The board says what it found, is heard with the next check, updates with the fleet token, and enrols once the fault is gone. */
  async function enrol(
    onTestFinished: OnTestFinished,
    fault: Fault,
    error: DeviceErrorName,
    speed = SPEED,
  ): Promise<void> {
    const proxy = await FaultProxy.start(server, certificate, onTestFinished);
    const bench = new Bench(server, onTestFinished);
    proxy.faults = { enrol: fault };
    const device = await bench.board({ at: proxy, speed });
    await device.waitFor('enrolment_failed', { where: (event) => event.error === error });
    await device.waitFor('checked', { after: device.moment });
    expectAsBefore(device);
    expect(device.names()).not.toContain('failed');
    await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
    proxy.heal();
    await device.waitFor('enrolled');
    expect(await bench.detail()).toMatchObject({ identity: { token: 'accepted', claimed_twice_at: null } });
  }

  const text = (body: string): Fault => sends(`${headOf(200, { 'content-length': String(body.length) })}${body}`);

  test('that is answered with garbage fails, and costs the board nothing', async ({ onTestFinished }) => {
    await enrol(onTestFinished, text('<!DOCTYPE html><html>Please log in</html>'), 'json');
  });

  test('whose state nobody knows is none', async ({ onTestFinished }) => {
    await enrol(onTestFinished, text('{"state":"accepted\\u0000"}'), 'json');
  });

  test('that is answered without end is given up', async ({ onTestFinished }) => {
    const huge = endless(headOf(200, { 'content-length': '1048576' }), ' '.repeat(1024), 1024);
    await enrol(onTestFinished, huge.fault, 'too_large');
    expect(huge.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('that is answered with 500 is asked again', async ({ onTestFinished }) => {
    await enrol(onTestFinished, async (exchange) => exchange.send({ status: 500 }), 'http_status');
  });

  test('that is redirected is not followed', async ({ onTestFinished }) => {
    const away: Fault = async (exchange) =>
      exchange.send({ status: 302, headers: { location: 'https://127.0.0.1:1/' } });
    await enrol(onTestFinished, away, 'redirect_refused');
  });

  test('that is not answered at all is asked again', async ({ onTestFinished }) => {
    await enrol(onTestFinished, async (exchange) => exchange.stall(), 'stalled', HASTE);
  });

  test('whose answer is lost was accepted all the same', async ({ onTestFinished }) => {
    const lost: Fault = async (exchange) => {
      await exchange.ask();
      exchange.reset();
    };
    await enrol(onTestFinished, lost, 'connection_lost');
  });
});

describe.concurrent('the offer', () => {
  test('G26 an offer of 1 MB is too large', async ({ onTestFinished }) => {
    const notes = endless(headOf(200, { 'content-length': '1048576' }), ' '.repeat(1024), 1024);
    await endureAll(onTestFinished, {
      'that is read as it comes': { ...onCheck(notes.fault), error: 'too_large', ends: 'asks again' },
      'that would be valid': {
        ...onCheck(offers((manifest) => ({ ...manifest, release_notes: 'a'.repeat(1_048_576) }))),
        error: 'too_large',
        ends: 'asks again',
      },
    });
    expect(notes.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('G27 an offer that is cut short is no JSON', async ({ onTestFinished }) => {
    const cutBy = (bytes: number): Ordeal => ({
      ...onCheck(says((text) => text.slice(0, -bytes))),
      error: 'json',
      ends: 'asks again',
    });
    await endureAll(onTestFinished, { 'by a byte': cutBy(1), 'by a hundred bytes': cutBy(100) });
  });

  test('G29 trailing garbage, a NUL, or an end inside a string are no JSON', async ({ onTestFinished }) => {
    const ordeal = (change: (text: string) => string): Ordeal => ({
      ...onCheck(says(change)),
      error: 'json',
      ends: 'asks again',
    });
    await endureAll(onTestFinished, {
      'trailing garbage': ordeal((text) => `${text}}`),
      'another answer behind it': ordeal((text) => `${text}${text}`),
      'a NUL behind it': ordeal((text) => `${text}\0`),
      'a NUL in a text': ordeal((text) => text.replace('"esp32"', '"esp32\0"')),
      'an end inside a string': ordeal((text) => text.slice(0, text.indexOf('otter-manifest') + 5)),
      'HTML of a captive portal': ordeal(() => '<!DOCTYPE html><html><body>Please log in</body></html>'),
      nothing: ordeal(() => ''),
    });
  });

  test('G30 members that are doubled or of the wrong type are refused', async ({ onTestFinished }) => {
    const wrong = (change: (manifest: Offer['manifest']) => object): Ordeal => ({
      ...onCheck(offers(change)),
      error: 'manifest_syntax',
      ends: 'rejected',
    });
    const doubled = (text: string): string => text.replace('"size_bytes":', '"size_bytes":64,"size_bytes":');
    await endureAll(onTestFinished, {
      doubled: { ...onCheck(says(doubled)), error: 'json', ends: 'asks again' },
      'a size as text': wrong((manifest) => ({ ...manifest, size_bytes: String(manifest.size_bytes) })),
      'a hash as number': wrong((manifest) => ({ ...manifest, sha256: 12 })),
      'a chip as null': wrong((manifest) => ({ ...manifest, chip: null })),
      'no hash': wrong((manifest) => ({ ...manifest, sha256: undefined })),
      'a list for a manifest': wrong((manifest) => [manifest]),
    });
  });

  test('may have unknown members, in any order', async ({ onTestFinished }) => {
    const proxy = await FaultProxy.start(server, certificate, onTestFinished);
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0');
    proxy.faults.check = offers((manifest) => ({
      colour: ['blue', { deep: null }],
      ...Object.fromEntries(Object.entries(manifest).toReversed()),
    }));
    const device = await bench.board({ at: proxy });
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
  });

  test('G31 a size of 0, of 2^32, with a zero before it, a sign or an exponent is refused', async ({
    onTestFinished,
  }) => {
    const size = (text: string, error: DeviceErrorName): Ordeal => ({
      ...onCheck(says((answer) => answer.replace(/"size_bytes":\d+/, `"size_bytes":${text}`))),
      error,
      ends: error === 'json' ? 'asks again' : 'rejected',
    });
    await endureAll(onTestFinished, {
      '0': size('0', 'manifest_syntax'),
      '4294967296': size('4294967296', 'manifest_syntax'),
      '007': size('007', 'json'),
      '+1': size('+1', 'json'),
      '1e6': size('1e6', 'manifest_syntax'),
      '-65536': size('-65536', 'manifest_syntax'),
      'more than an image may have': size('4089447', 'size'),
    });
  });

  test('G33 a manifest of another format is refused', async ({ onTestFinished }) => {
    const format = (name: string): Ordeal => ({
      ...onCheck(offers((manifest) => ({ ...manifest, format: name }))),
      error: 'manifest_syntax',
      ends: 'rejected',
    });
    await endureAll(onTestFinished, { config: format('otter-config/1'), later: format('otter-manifest/2') });
  });
});

describe.concurrent('the trust in an offer', () => {
  type SignedFields = Offer['manifest'] & { readonly expires_at?: string };

  interface Signature {
    readonly key_id: string;
    readonly signature: string;
  }

  /** The nine lines of docs/device-protocol.md, spelled here a second time on purpose. */
  function canonicalText(manifest: SignedFields): string {
    return [
      'otter-manifest/1',
      `product=${manifest.product}`,
      `chip=${manifest.chip}`,
      `version=${manifest.version}`,
      `security_version=${manifest.security_version}`,
      `size_bytes=${manifest.size_bytes}`,
      `sha256=${manifest.sha256}`,
      `created_at=${manifest.created_at}`,
      `expires_at=${manifest.expires_at ?? '-'}`,
      '',
    ].join('\n');
  }

  type KeyPair = typeof releaseKey;

  function keyIdOf({ publicKey }: KeyPair): string {
    return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex').slice(0, 16);
  }

  function sign(manifest: SignedFields, key: KeyPair): Signature {
    const signature = createSign('sha256').update(canonicalText(manifest)).sign(key.privateKey, 'base64');
    return { key_id: keyIdOf(key), signature };
  }

  const signed = (manifest: SignedFields, ...signatures: readonly Signature[]): object => ({
    ...manifest,
    signatures,
  });
  const rightly = (manifest: SignedFields): object => signed(manifest, sign(manifest, releaseKey));
  const withKey = (): readonly string[] => ['--release-key', join(folder, 'release.pem')];

  const refused = (error: DeviceErrorName, change: (manifest: Offer['manifest']) => object): Ordeal => ({
    ...onCheck(offers(change)),
    args: withKey(),
    error,
    ends: 'rejected',
  });

  test('of a release key is enough', async ({ onTestFinished }) => {
    const proxy = await FaultProxy.start(server, certificate, onTestFinished);
    const bench = new Bench(server, onTestFinished);
    await bench.trust(trustedKey);
    await bench.offer('1.1.0');
    proxy.faults.check = offers((manifest) => signed(manifest, sign(manifest, otherKey), sign(manifest, releaseKey)));
    const device = await bench.board({ at: proxy, args: withKey() });
    await device.waitFor('confirmed');
    await bench.knowsUpdated('1.1.0');
  });

  test('G34 no signature, one of an unknown key, an empty or a long one, or one key twice are refused', async ({
    onTestFinished,
  }) => {
    const key_id = keyIdOf(releaseKey);
    const other = (manifest: Offer['manifest']): Signature => sign(manifest, otherKey);
    await endureAll(onTestFinished, {
      none: refused('signature', ({ signatures, ...manifest }) => {
        expect(signatures).toHaveLength(1);
        return manifest;
      }),
      'an empty list': refused('signature', (manifest) => signed(manifest)),
      'an unknown key': refused('signature', (manifest) => signed(manifest, other(manifest))),
      'an unknown key under a known name': refused('signature', (manifest) =>
        signed(manifest, { ...other(manifest), key_id }),
      ),
      'an empty one': refused('signature', (manifest) => signed(manifest, { key_id, signature: '' })),
      'one of 200 bytes': refused('signature', (manifest) =>
        signed(manifest, { key_id, signature: Buffer.alloc(200, 0x30).toString('base64') }),
      ),
      'one that is no base64': refused('signature', (manifest) => signed(manifest, { key_id, signature: '####' })),
      'one key twice, both wrong': refused('signature', (manifest) =>
        signed(manifest, { ...other(manifest), key_id }, { ...other(manifest), key_id }),
      ),
      'one of another manifest': refused('signature', (manifest) =>
        signed(manifest, sign({ ...manifest, version: '1.1.1' }, releaseKey)),
      ),
    });
  });

  test('G35 a good signature does not make it fit another product or chip', async ({ onTestFinished }) => {
    await endureAll(onTestFinished, {
      product: refused('product', (manifest) => rightly({ ...manifest, product: 'another' })),
      chip: refused('chip', (manifest) => rightly({ ...manifest, chip: 'esp32s3' })),
    });
  });

  test('G37 what has expired, or comes from the future, is refused', async ({ onTestFinished }) => {
    const instant = (days: number): string => `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19)}Z`;
    const expiring = (manifest: Offer['manifest'], days: number): object =>
      rightly({ ...manifest, expires_at: instant(days) });
    await endureAll(onTestFinished, {
      expired: refused('expired', (manifest) => expiring(manifest, -1)),
      'from the future': refused('expired', (manifest) => rightly({ ...manifest, created_at: instant(3) })),
    });
  });

  test('G38 a security version that jumps by more than 1000 is refused', async ({ onTestFinished }) => {
    await endure(
      onTestFinished,
      refused('security_version', (manifest) => rightly({ ...manifest, security_version: 1_001 })),
    );
  });
});

describe.concurrent('the image', () => {
  test('G39 with one bit wrong never becomes bootable', async ({ onTestFinished }) => {
    const flip = (place: (length: number) => number, error: DeviceErrorName): Ordeal => ({
      ...onImage(
        changesImage((image) => {
          const at = place(image.length);
          image.writeUInt8(image.readUInt8(at) ^ 1, at);
          return image;
        }),
      ),
      error,
      ends: 'failed',
    });
    await endureAll(onTestFinished, {
      'in its first byte': flip(() => 0, 'image'),
      'in its middle': flip((length) => Math.floor(length / 2), 'hash'),
      'in its last byte': flip((length) => length - 1, 'hash'),
    });
  });

  test('is not taken from a captive portal', async ({ onTestFinished }) => {
    const portal: Fault = async (exchange) =>
      exchange.send({ headers: { 'content-type': 'text/html' }, body: Buffer.from('<html>Please log in</html>') });
    await endure(onTestFinished, { ...onImage(portal), error: 'length', ends: 'failed' });
  });

  test('is not taken from another part of the file', async ({ onTestFinished }) => {
    const part = (range: (size: number) => string): Ordeal => ({
      faults: {
        image: async (exchange) => {
          const { status, headers, body } = await exchange.ask();
          if (exchange.index === 0) {
            await exchange.write(headOf(status, { ...headers, 'content-length': String(body.length) }));
            await exchange.write(body.subarray(0, 40_000));
            exchange.end();
          } else {
            await exchange.send({ status, headers: { ...headers, 'content-range': range(body.length) }, body });
          }
        },
      },
      error: 'range_invalid',
      ends: 'failed',
    });
    await endureAll(onTestFinished, {
      'from its beginning': part((size) => `bytes 0-${size - 1}/${size}`),
      'of a longer one': part((size) => `bytes 4096-${size + 4095}/9999999`),
      'without a total': part((size) => `bytes 4096-${size + 4095}/*`),
      'of no unit': part(() => 'somewhere'),
    });
  });

  test('that is reset again and again arrives', async ({ onTestFinished }) => {
    const proxy = await FaultProxy.start(server, certificate, onTestFinished);
    const bench = new Bench(server, onTestFinished);
    await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    proxy.faults.image = async (exchange) => {
      const { status, headers, body } = await exchange.ask();
      await exchange.write(headOf(status, { ...headers, 'content-length': String(body.length) }));
      await exchange.write(body.subarray(0, 30_000));
      await exchange.rest(50);
      if (body.length > 30_000) exchange.reset();
    };
    const device = await bench.board({ at: proxy });
    await device.waitFor('confirmed');
    expect(proxy.downloads.length).toBeGreaterThan(2);
    await bench.knowsUpdated('1.1.0');
  });
});
