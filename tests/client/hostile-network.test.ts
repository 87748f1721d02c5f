// The rows of surface "Client meeting a hostile or broken server" of tests/data/bad-inputs.tsv that are about lines and answers: the real library on
// boards of `otter-device`.

import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import { makeCertificate } from '../simulator/scripted-server.ts';
import { Bench, finalReportsOf, HASTE, type OnTestFinished, REST_SPEED, SPEED } from './support/bench.ts';
import { type Certificate, type Exchange, type Fault, headOf } from './support/fault-proxy.ts';
import {
  endless,
  type Endured,
  expectAsBefore,
  IMAGE_BYTES,
  imageUnder,
  onCheck,
  onImage,
  type Ordeal,
  Ordeals,
  sends,
  UNNOTICED_BYTES,
} from './support/ordeal.ts';
// Boards wait for much, so more of them than usual at once.
vi.setConfig({ maxConcurrency: 6 });

let ordeals: Ordeals;
let otherCertificate: Certificate;
beforeAll(async () => {
  ordeals = await Ordeals.start();
  otherCertificate = await makeCertificate();
});
afterAll(async () => ordeals.end());

describe.concurrent('the connection', () => {
  test('G1 a certificate with another key gets not one byte of a request', async ({ onTestFinished }) => {
    const { proxy } = await ordeals.endure(onTestFinished, {
      door: () => ({ kind: 'open', certificate: otherCertificate }),
      error: 'pin_mismatch',
      ends: 'updates',
    });
    expect(proxy.visits[0]).toMatchObject({ requestBytes: 0 });
  });

  test('G2 a connection that is reset and comes back with another key gets nothing', async ({ onTestFinished }) => {
    let firstAtStranger = Number.NaN;
    const { proxy } = await ordeals.endure(onTestFinished, {
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
    const { proxy } = await ordeals.endure(onTestFinished, {
      door: () => ({ kind: 'old', certificate: ordeals.certificate }),
      error: 'tls',
      ends: 'updates',
    });
    expect(proxy.visits[0]).toMatchObject({ door: 'old', requestBytes: 0 });
  });

  test('G5 a handshake that stalls is given up', async ({ onTestFinished }) => {
    await ordeals.endure(onTestFinished, {
      door: () => ({ kind: 'silent' }),
      speed: HASTE,
      error: 'tls',
      ends: 'updates',
    });
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
    await ordeals.endureAll(onTestFinished, {
      'a check-in': { ...onCheck(redirect), error: 'redirect_refused', ends: 'asks again' },
      'a download': { ...onImage(redirect), error: 'redirect_refused', ends: 'failed' },
    });
    expect(visits).toBe(0);
  });

  test('G7 HTTP without TLS is refused', async ({ onTestFinished }) => {
    await ordeals.endure(onTestFinished, { door: () => ({ kind: 'plain' }), error: 'tls', ends: 'updates' });
  });
});

describe.concurrent('the status of an answer', () => {
  test('G9 401 and 403 are a matter of the token', async ({ onTestFinished }) => {
    await ordeals.endureAll(onTestFinished, {
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
    const proxy = await ordeals.proxy(onTestFinished);
    const bench = new Bench(ordeals.server, onTestFinished);
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
    await ordeals.endureAll(onTestFinished, {
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
    await ordeals.endure(onTestFinished, { ...onCheck(line.fault), error: 'too_large', ends: 'updates' });
    expect(line.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('G15 a thousand headers are too large', async ({ onTestFinished }) => {
    const ten = 'X-Header: of many, and then some more of them\r\n'.repeat(10);
    const headers = endless('HTTP/1.1 200 OK\r\n', ten, 100);
    await ordeals.endure(onTestFinished, { ...onCheck(headers.fault), error: 'too_large', ends: 'updates' });
    expect(headers.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('G17 a chunk of FFFFFFFF bytes, and other sizes that are none, are no HTTP', async ({ onTestFinished }) => {
    const chunked = headOf(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    const broken = (size: string): Ordeal => ({
      ...onCheck(sends(`${chunked}${size}\r\n{}\r\n0\r\n\r\n`)),
      error: 'http_protocol',
      ends: 'asks again',
    });
    await ordeals.endureAll(onTestFinished, {
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
    await ordeals.endure(onTestFinished, { ...onCheck(chunks.fault), error: 'too_large', ends: 'updates' });
    expect(chunks.sentBytes).toBeLessThan(UNNOTICED_BYTES);
  });

  test('G19 an image without Content-Length is not begun', async ({ onTestFinished }) => {
    const without: Fault = async (exchange) => {
      const { status, headers, body } = await exchange.ask();
      await exchange.write(headOf(status, headers));
      await exchange.write(body);
      exchange.end();
    };
    const { device } = await ordeals.endure(onTestFinished, {
      ...onImage(without),
      error: 'http_protocol',
      ends: 'updates',
    });
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
    await ordeals.endureAll(onTestFinished, {
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
    await ordeals.endureAll(onTestFinished, {
      negative: ofLength('-1'),
      huge: ofLength('4294967297'),
      doubled: ofLength('2\r\nContent-Length: 2'),
      'no number': ofLength('two'),
      'with chunks besides': ofLength('2\r\nTransfer-Encoding: chunked'),
      'a download': { ...onImage(image), error: 'http_protocol', ends: 'updates' },
    });
  });

  test('G23 of more bytes than promised only the promised ones are taken', async ({ onTestFinished }) => {
    const proxy = await ordeals.proxy(onTestFinished);
    const bench = new Bench(ordeals.server, onTestFinished);
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
    await vi.waitFor(async () => expect(await finalReportsOf(ordeals.server, bench.mac)).toEqual([['confirmed']]));
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
    await ordeals.endureAll(onTestFinished, {
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
    const [, image] = await ordeals.endureAll(onTestFinished, {
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
    const proxy = await ordeals.proxy(onTestFinished);
    const bench = new Bench(ordeals.server, onTestFinished);
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
