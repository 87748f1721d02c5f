// What a board, or somebody who plays one, can send wrong (the ids are stable names of the rows of tests/data/bad-inputs.tsv):
// every refusal has its status and code, and leaves the server alive with one line in its log and no token in any.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ErrorCode } from '#protocol/errors.ts';
import { BODY_TIMEOUT_MS, MAX_DEVICE_BODY_BYTES } from '#protocol/limits.ts';
import { addFirmware, mac, rollOut } from '../../support/fleet.ts';
import { BOTH, DIALECTS } from '../../support/scope.ts';
import { exchange, head, RawClient } from '../../support/server/raw-client.ts';
import { expectAlive, expectLoggedOnce, expectNoToken, expectRefusal } from '../../support/server/refusal.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';

const CHECK = '/api/v1/check-update';
const REPORT = '/api/v1/report-status';
const device = mac(1);

let server: TestServer;

interface Sent {
  readonly path?: string;
  readonly authorization?: string | null;
  readonly type?: string;
  readonly body?: string | Buffer;
}

/** A request with the fleet token and a good body, but for what is given. */
async function send({ path = CHECK, authorization, type = 'application/json', body }: Sent) {
  const header = authorization === undefined ? `Bearer ${server.fleetToken}` : authorization;
  return server.fetch('POST', path, {
    body: Buffer.from(body ?? JSON.stringify({ mac: device, current_version: '1.0.0', labels: [] })),
    headers: { ...(header === null ? {} : { authorization: header }), 'content-type': type },
  });
}

function checkWith(fields: Readonly<Record<string, unknown>>): Sent {
  return { body: JSON.stringify({ mac: device, current_version: '1.0.0', labels: [], ...fields }) };
}

/** `sequence` as JSON text, since some of these numbers are none in JavaScript. */
function reportWith(fields: string): Sent {
  return { path: REPORT, body: `{"mac": "${device}", "assignment_id": 1, "status": "downloading", ${fields}}` };
}

interface Row {
  readonly id: string;
  readonly input: string;
  readonly send: () => Sent;
  readonly code: ErrorCode;
  /** What the message or the hint must say. */
  readonly says?: RegExp;
}

const ROWS: readonly Row[] = [
  { id: 'A1', input: 'no token header', send: () => ({ authorization: null }), code: 'token_missing', says: /Bearer/ },
  { id: 'A2', input: 'an empty token', send: () => ({ authorization: 'Bearer ' }), code: 'token_invalid' },
  { id: 'A2', input: 'an empty header', send: () => ({ authorization: '' }), code: 'token_invalid' },
  {
    id: 'A3',
    input: 'the first half of the right token',
    send: () => ({ authorization: `Bearer ${server.fleetToken.slice(0, server.fleetToken.length / 2)}` }),
    code: 'token_invalid',
  },
  {
    id: 'A3',
    input: 'the right token with one more character',
    send: () => ({ authorization: `Bearer ${server.fleetToken}x` }),
    code: 'token_invalid',
  },
  {
    id: 'A3',
    input: 'the right token without its scheme',
    send: () => ({ authorization: server.fleetToken }),
    code: 'token_invalid',
  },
  {
    id: 'A10',
    input: 'the admin token',
    send: () => ({ authorization: `Bearer ${server.adminToken}` }),
    code: 'wrong_scope',
    says: /fleet token/,
  },
  { id: 'A11', input: 'an empty body', send: () => ({ body: '' }), code: 'body_missing' },
  {
    id: 'A13',
    input: 'JSON cut inside a string',
    send: () => ({ body: '{"mac": "24:6f:28' }),
    code: 'json_invalid',
    says: /offset 17/,
  },
  {
    id: 'A13',
    input: 'something behind the JSON',
    send: () => ({ body: '{} x' }),
    code: 'json_invalid',
    says: /offset 3/,
  },
  {
    id: 'A14',
    input: 'a body of 1 MiB',
    send: () => ({ body: `"${'x'.repeat(1_048_576)}"` }),
    code: 'body_too_large',
    says: /8192/,
  },
  {
    id: 'A14',
    input: 'one byte more than the limit',
    send: () => ({ body: JSON.stringify({ pad: 'x'.repeat(MAX_DEVICE_BODY_BYTES - 9) }) }),
    code: 'body_too_large',
  },
  { id: 'A15', input: '10,000 times [', send: () => ({ body: '['.repeat(10_000) }), code: 'json_too_deep', says: /16/ },
  { id: 'A15', input: '17 times [', send: () => ({ body: '['.repeat(17) + ']'.repeat(17) }), code: 'json_too_deep' },
  {
    id: 'A17',
    input: 'a member twice',
    send: () => ({ body: `{"mac": "${device}", "current_version": "1.0.0", "mac": "${device}"}` }),
    code: 'duplicate_field',
    says: /"mac"/,
  },
  {
    id: 'A17',
    input: 'a member twice, once escaped',
    send: () => ({ body: `{"mac": "${device}", "m\\u0061c": "${device}"}` }),
    code: 'duplicate_field',
  },
  { id: 'A18', input: 'text/xml', send: () => ({ type: 'text/xml' }), code: 'content_type', says: /application\/json/ },
  { id: 'A18', input: 'an image', send: () => ({ type: 'application/octet-stream' }), code: 'content_type' },
  { id: 'A18', input: 'no content type that can be read', send: () => ({ type: '<>' }), code: 'content_type' },
  {
    id: 'A19',
    input: 'charset=utf-16',
    send: () => ({ type: 'application/json; charset=utf-16' }),
    code: 'content_type',
    says: /UTF-8/,
  },
  {
    id: 'A19',
    input: 'bytes that are not UTF-8',
    send: () => ({ body: Buffer.from('{"mac": "\xff"}', 'latin1') }),
    code: 'encoding_invalid',
  },
  {
    id: 'A25',
    input: 'mac ../../etc',
    send: () => checkWith({ mac: '../../etc' }),
    code: 'mac_invalid',
    says: /24:6f/,
  },
  { id: 'A26', input: 'mac with a NUL', send: () => checkWith({ mac: `${device}\0` }), code: 'mac_invalid' },
  { id: 'A26', input: 'mac of an emoji', send: () => checkWith({ mac: '🦦' }), code: 'mac_invalid' },
  {
    id: 'A26',
    input: 'mac with a right-to-left mark',
    send: () => checkWith({ mac: `\u{200f}${device}` }),
    code: 'mac_invalid',
  },
  { id: 'A26', input: 'mac of 65 characters', send: () => checkWith({ mac: 'a'.repeat(65) }), code: 'mac_invalid' },
  {
    id: 'A26',
    input: 'mac with a line feed behind',
    send: () => checkWith({ mac: `${device}\n` }),
    code: 'mac_invalid',
  },
  { id: 'A26', input: 'mac that is a number', send: () => checkWith({ mac: 1 }), code: 'mac_invalid' },
  { id: 'A27', input: 'mac of everybody', send: () => checkWith({ mac: 'ff:ff:ff:ff:ff:ff' }), code: 'mac_reserved' },
  { id: 'A27', input: 'mac of nobody', send: () => checkWith({ mac: '00-00-00-00-00-00' }), code: 'mac_reserved' },
  {
    id: 'A41',
    input: 'a product that cannot be read: the board is not one of the default product',
    send: () => checkWith({ product: 'My Product' }),
    code: 'field_invalid',
    says: /product/,
  },
  { id: 'A41', input: 'a product of null', send: () => checkWith({ product: null }), code: 'field_invalid' },
  { id: 'A29', input: 'an empty version', send: () => checkWith({ current_version: '' }), code: 'version_invalid' },
  { id: 'A29', input: 'no version', send: () => ({ body: JSON.stringify({ mac: device }) }), code: 'version_invalid' },
  {
    id: 'A30',
    input: 'a version of 1 KB',
    send: () => checkWith({ current_version: '1'.repeat(1024) }),
    code: 'version_too_long',
    says: /64/,
  },
  {
    id: 'A30',
    input: 'a version of 65 characters',
    send: () => checkWith({ current_version: '1'.repeat(65) }),
    code: 'version_too_long',
  },
  {
    id: 'A31',
    input: 'a version <script>',
    send: () => checkWith({ current_version: '<script>alert(1)</script>' }),
    code: 'version_invalid',
  },
  {
    id: 'A33',
    input: 'sequence -1',
    send: () => reportWith('"sequence": -1'),
    code: 'sequence_invalid',
    says: /0 to 4294967295/,
  },
  { id: 'A33', input: 'sequence 1.5', send: () => reportWith('"sequence": 1.5'), code: 'sequence_invalid' },
  { id: 'A33', input: 'sequence 1e400', send: () => reportWith('"sequence": 1e400'), code: 'sequence_invalid' },
  {
    id: 'A33',
    input: 'sequence 2^53+1',
    send: () => reportWith('"sequence": 9007199254740993'),
    code: 'sequence_invalid',
  },
  { id: 'A33', input: 'sequence 2^32', send: () => reportWith('"sequence": 4294967296'), code: 'sequence_invalid' },
  { id: 'A33', input: 'sequence "12"', send: () => reportWith('"sequence": "12"'), code: 'sequence_invalid' },
  { id: 'A33', input: 'no sequence', send: () => reportWith('"detail": ""'), code: 'sequence_invalid' },
  {
    id: 'A35',
    input: 'a report for an unknown assignment',
    send: () => ({
      path: REPORT,
      body: JSON.stringify({ mac: device, assignment_id: 999_999, sequence: 1, status: 'downloading' }),
    }),
    code: 'assignment_unknown',
    says: /999999/,
  },
  {
    id: 'A38',
    input: 'status hacked',
    send: () => ({
      path: REPORT,
      body: JSON.stringify({ mac: device, assignment_id: 1, sequence: 1, status: 'hacked' }),
    }),
    code: 'status_invalid',
    says: /downloading, downloaded, installing, trial, confirmed/,
  },
];

describe.each(BOTH)('the device API on %s', (dialect) => {
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    await addFirmware(server, '1.1.0');
    await rollOut(server, '1.1.0', 'expand');
  });
  afterAll(async () => server.end());

  describe('a device request is refused', () => {
    test.each(ROWS)('$id: $input', async ({ send: sent, code, says = /./ }) => {
      const { message, hint } = await expectRefusal(server, await send(sent()), code);
      expect(`${message} (${hint})`).toMatch(says);
      expect(`${message} ${hint}`).not.toContain('<script>');
    });
  });

  describe('what is odd but does not stand in the way', () => {
    test.each(['v1.2-dirty', 'latest', 'release_2026-11 b3', '1'])(
      'A29: version %s is kept as text',
      async (version) => {
        const odd = mac(29);
        // It has no place in the order, so no version is offered in its place.
        expect(await server.checkIn(odd, version)).toMatchObject({
          update_available: false,
          reason: 'version_unreadable',
        });
        const { device: seen } = await server.admin('getDevice', { params: { device: odd } });
        expect(seen.current_version).toBe(version);
      },
    );

    test('A34: absurd telemetry is dropped and named in the log', async () => {
      const absurd = { rssi_dbm: 9999, free_heap_bytes: -1, flash_bytes: 'big', library: '\u{1b}[2J' };
      const answer = await send(checkWith({ mac: mac(34), ...absurd }));
      expect(answer.status).toBe(200);
      const line = await expectLoggedOnce(server, String(answer.headers['x-request-id']), { status: 200 });
      expect(line).toMatchObject({ level: 40, warnings: ['flash_bytes', 'free_heap_bytes', 'rssi_dbm', 'library'] });
      const { device: seen } = await server.admin('getDevice', { params: { device: mac(34) } });
      expect(Object.keys(seen.attributes).filter((name) => name in absurd)).toEqual([]);
    });

    test.each([
      ['chip', { chip: 32 }],
      ['chip', { chip: 'esp32;rm' }],
      ['chip', { chip: null }],
      ['slot_bytes', { slot_bytes: -1 }],
      ['slot_bytes', { slot_bytes: '1.9 MiB' }],
      ['slot_bytes', { slot_bytes: 1.5 }],
      ['image_sha256', { image_sha256: 'A'.repeat(64) }],
      ['image_sha256', { image_sha256: [] }],
      ['labels', { labels: 'lab' }],
      ['labels', { labels: null }],
      ['labels', { labels: ['lab', 7, { a: 1 }] }],
      ['labels', { labels: ['x'.repeat(65)] }],
      ['labels', { labels: Array.from({ length: 9 }, (_, index) => `lab-${index}`) }],
      ['labels', { labels: ['No Name', 7] }],
      ['boot', { boot: 'panic' }],
      ['boot', { boot: [] }],
      ['boot', { boot: null }],
      ['boot.state', { boot: { state: 'pending' } }],
      ['boot.reason', { boot: { state: 'confirmed', reason: 4 } }],
      ['boot.reason', { boot: { state: 'confirmed', reason: 'x'.repeat(65) } }],
      ['boot.rolled_back_from', { boot: { rolled_back_from: {} } }],
      ['boot.rollback_capable', { boot: { rollback_capable: 'yes' } }],
      ['boot.uptime_s', { boot: { uptime_s: 'long' } }],
      ['next_check_s', { next_check_s: 'tomorrow' }],
      ['largest_block_bytes', { largest_block_bytes: -1 }],
    ])('A41: of a check-in %s is dropped where it is %j', async (name, fields) => {
      const answer = await send(checkWith({ mac: mac(41), ...fields }));
      expect(answer.status).toBe(200);
      expect(JSON.parse(String(answer.body))).toMatchObject({ update_available: true });
      const line = await expectLoggedOnce(server, String(answer.headers['x-request-id']), { status: 200 });
      expect(line).toMatchObject({ level: 40, warnings: [name] });
    });

    test('A41: what can be read of the same check-in counts', async () => {
      const odd = mac(42);
      const fields = {
        chip: 7,
        slot_bytes: 1_900_544,
        labels: [7, 'lab', 'x'.repeat(99)],
        boot: { state: 'trial', reason: 7, uptime_s: 12, rolled_back_from: '0.9.0' },
      };
      const answer = await send(checkWith({ mac: odd, ...fields }));
      expect(JSON.parse(String(answer.body))).toMatchObject({ update_available: false, reason: 'trial_running' });
      const { device: seen } = await server.admin('getDevice', { params: { device: odd } });
      expect(seen.chip).toBeNull();
      expect(seen.attributes).toEqual({
        slot_bytes: 1_900_544,
        boot_state: 'trial',
        rolled_back_from: '0.9.0',
        uptime_s: 12,
        label_hints: ['lab'],
        unreadable: ['boot.reason', 'chip', 'labels'],
      });
    });

    test('A41: a chip that cannot be read is not forgotten', async () => {
      await server.checkIn(mac(43), '1.0.0', { chip: 'esp32s3' });
      await server.checkIn(mac(43), '1.0.0', { chip: { name: 'esp32' } });
      expect((await server.admin('getDevice', { params: { device: mac(43) } })).device.chip).toBe('esp32s3');
    });

    test('A37: confirmed before downloading is taken, and the state never goes back', async () => {
      const { assignment_id } = await server.checkIn(mac(37), '1.0.0');
      const report = async (sequence: number, status: string) =>
        server.device('report-status', { mac: mac(37), assignment_id, sequence, status });
      expect(await report(1, 'confirmed')).toMatchObject({ status: 200, body: { state: 'trial', duplicate: false } });
      expect(await report(2, 'downloading')).toMatchObject({ status: 200, body: { state: 'trial', duplicate: false } });
    });

    test.each([0, 4_294_967_295])('A33: sequence %d is within the bounds', async (sequence) => {
      const { assignment_id } = await server.checkIn(mac(33), '1.0.0');
      const answer = await server.device('report-status', {
        mac: mac(33),
        assignment_id,
        sequence,
        status: 'downloading',
      });
      expect(answer.status).toBe(200);
    });

    test.each(['1970-01-01T00:00:00Z', '2106-02-07T06:28:16Z'])(
      'A39: of a device whose clock says %s the server keeps its own time',
      async (time) => {
        await server.checkIn(mac(39), '1.0.0', { time, last_seen_at: time });
        const { device: seen } = await server.admin('getDevice', { params: { device: mac(39) } });
        expect(seen.last_seen_at).toBe(new Date(START_MS).toISOString());
      },
    );
  });

  // The database has no part in it.
  describe.runIf(DIALECTS.includes(dialect))('what only a raw connection can send', () => {
    const request = (...more: readonly string[]): string =>
      head(
        `POST ${CHECK} HTTP/1.1`,
        'Host: otter',
        `Authorization: Bearer ${server.fleetToken}`,
        'Content-Type: application/json',
        ...more,
      );

    test('A5: a token of 100 KB', async () => {
      const huge = head(`POST ${CHECK} HTTP/1.1`, 'Host: otter', `Authorization: Bearer ${'x'.repeat(100_000)}`);
      const client = await RawClient.open(server.url);
      client.send(huge);
      await expectRefusal(server, await client.answer(), 'headers_too_large');
      expect((await client.rest()).ending).not.toBe('open');
    });

    test('A5: a client that reads only when it has sent everything still gets its answer', async () => {
      const client = await RawClient.open(server.url);
      client.socket.pause();
      client.send(`POST ${CHECK} HTTP/1.1\r\nHost: otter\r\nAuthorization: Bearer `);
      for (let part = 0; part < 10; part += 1) {
        client.send('x'.repeat(10_000));
        await delay(20);
      }
      client.socket.resume();
      await expectRefusal(server, await client.answer(), 'headers_too_large');
      expect((await client.rest()).ending).not.toBe('open');
    });

    test.each([
      ['the right one first', () => [server.fleetToken, 'x'.repeat(43)]],
      ['the right one last', () => ['x'.repeat(43), server.fleetToken]],
      ['both right', () => [server.fleetToken, server.fleetToken]],
    ])('A6: two token headers, %s', async (_, tokens) => {
      const lines = tokens().map((token) => `authorization: Bearer ${token}`);
      const answer = await exchange(
        server.url,
        head(`POST ${CHECK} HTTP/1.1`, 'Host: otter', ...lines, 'Content-Length: 0'),
      );
      await expectRefusal(server, answer, 'duplicate_header');
    });

    test.concurrent('A21: a body of 10 bytes that stops after 5 is answered after 10 s', async () => {
      const client = await RawClient.open(server.url);
      const startedMs = performance.now();
      client.send(`${request('Content-Length: 10')}{"mac`);
      const answer = await client.answer();
      expect(performance.now() - startedMs).toBeGreaterThan(BODY_TIMEOUT_MS - 100);
      await expectRefusal(server, answer, 'request_timeout');
      expect((await client.rest()).ending).not.toBe('open');
    });

    test.concurrent('A21: a body that comes byte by byte has no longer than 10 s in all', async () => {
      const client = await RawClient.open(server.url);
      client.send(request('Content-Length: 8000'));
      const drip = setInterval(() => client.send(' '), 500);
      try {
        await expectRefusal(server, await client.answer(), 'request_timeout');
      } finally {
        clearInterval(drip);
      }
      expect((await client.rest()).ending).not.toBe('open');
    });

    test.concurrent('A21: headers that never end are answered as well', async () => {
      const client = await RawClient.open(server.url);
      client.send(`POST ${CHECK} HTTP/1.1\r\nHost: otter\r\n`);
      const drip = setInterval(() => client.send('a: b\r\n'), 500);
      try {
        await expectRefusal(server, await client.answer({ waitMs: 25_000 }), 'request_timeout');
      } finally {
        clearInterval(drip);
      }
      expect((await client.rest()).ending).not.toBe('open');
    });

    test('A22: a length and chunks at once', async () => {
      const client = await RawClient.open(server.url);
      client.send(`${request('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`);
      await expectRefusal(server, await client.answer(), 'request_malformed');
      expect(await client.rest()).toMatchObject({ ending: 'ended', bytes: Buffer.alloc(0) });
    });

    test('A23: chunks without end are refused at the limit, and the connection is closed', async () => {
      const client = await RawClient.open(server.url);
      client.send(request('Transfer-Encoding: chunked'));
      const chunk = `400\r\n${' '.repeat(1024)}\r\n`;
      const drip = setInterval(() => client.send(chunk), 1);
      try {
        await expectRefusal(server, await client.answer(), 'body_too_large');
        expect((await client.rest(10_000)).ending).not.toBe('open');
      } finally {
        clearInterval(drip);
      }
      // What was read of it is what a closing connection lets through, not what was sent.
      await expectAlive(server);
    });
  });

  test('no line of the log holds a token', () => {
    expect(server.logged.length).toBeGreaterThan(50);
    expectNoToken(server, server.logged);
  });
});
