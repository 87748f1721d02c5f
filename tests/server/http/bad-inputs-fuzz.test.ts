// Two thousand malformed device requests, half through an HTTP client and half byte by byte: never a fault of the server,
// always the envelope, and a server that lives on. A failing case prints its seed; give it to `fc.assert` to repeat it.

import fc from 'fast-check';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CheckUpdateAnswer, ErrorAnswer, ReportStatusAnswer } from '#protocol/device/api.ts';
import { MAX_ERROR_BYTES } from '#protocol/limits.ts';
import { Manifest } from '#protocol/device/manifest.ts';
import { sizeOf } from '../../support/scope.ts';
import { addDevices, addFirmware, mac, rollOut } from '../../support/fleet.ts';
import { head, RawClient } from '../../support/server/raw-client.ts';
import { expectAlive, expectNoToken } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const RUNS = sizeOf({ push: 400, whole: 1_000 });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await addDevices(server, 1, '1.0.0');
  await addFirmware(server, '1.1.0');
  await rollOut(server, '1.1.0', 'expand');
  await server.checkIn(mac(1), '1.0.0');
});
afterAll(async () => server.end());

const paths = fc.constantFrom('/api/v1/check-update', '/api/v1/report-status');

/** A good request of each kind, with some members replaced by anything. */
const good = {
  mac: mac(1),
  current_version: '1.0.0',
  labels: ['lab'],
  product: 'default',
  chip: 'esp32',
  slot_bytes: 1_310_720,
  image_sha256: 'a'.repeat(64),
  boot: { state: 'confirmed', reason: 'power_on', rolled_back_from: '1.0.0', rollback_capable: true },
  rssi_dbm: -60,
  assignment_id: 1,
  sequence: 1,
  status: 'downloading',
  error_code: 'flash_failed',
  detail: 'text',
};
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.constantFrom(null, -1, 0, 2 ** 53, -0, 1e308, '', '\0', '\u{d800}', '__proto__', [], {}, true),
  fc.double(),
);
const spoiled = fc
  .dictionary(fc.constantFrom(...Object.keys(good), 'extra', '__proto__', 'constructor'), anything, { maxKeys: 4 })
  .map((fields) => JSON.stringify({ ...good, ...fields }));

/** Text of JSON with bytes taken out, put in or changed. */
const damaged = fc
  .tuple(spoiled, fc.array(fc.tuple(fc.nat({ max: 600 }), fc.nat({ max: 255 }), fc.nat({ max: 3 })), { maxLength: 4 }))
  .map(([text, edits]) => {
    let bytes = Buffer.from(text);
    for (const [at, byte, remove] of edits) {
      const place = at % (bytes.length + 1);
      bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from([byte]), bytes.subarray(place + remove)]);
    }
    return bytes;
  });
const bodies = fc.oneof(
  { weight: 3, arbitrary: spoiled.map((text) => Buffer.from(text)) },
  { weight: 3, arbitrary: damaged },
  { weight: 2, arbitrary: fc.json({ maxDepth: 20 }).map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 10_000, size: 'max' }).map((bytes) => Buffer.from(bytes)) },
);
const contentTypes = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  fc.constantFrom(
    'application/json; charset=utf-8',
    'application/octet-stream',
    'text/plain',
    '',
    ';',
    'application/json;',
  ),
);

test('bodies of every kind get an answer of the protocol or the envelope', async () => {
  await fc.assert(
    fc.asyncProperty(paths, bodies, contentTypes, async (path, body, type) => {
      const { status, body: answer } = await server.fetch('POST', path, {
        token: server.fleetToken,
        body,
        headers: { 'content-type': type },
      });
      expectProtocol(status, answer);
    }),
    { numRuns: RUNS },
  );
  await expectAlive(server);
});

const visible = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCodePoint(code)),
  maxLength: 80,
});
const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const names = fc.oneof(
  fc.constantFrom(
    'Range',
    'If-Range',
    'If-None-Match',
    'Accept',
    'Accept-Encoding',
    'Cookie',
    'X-Forwarded-For',
    'Authorization',
    'Content-Type',
    'Content-Encoding',
    'Te',
    'Upgrade',
    'Via',
    'Origin',
  ),
  fc.stringMatching(/^[a-z][a-z-]{0,20}$/).filter((name) => !FRAMING.has(name)),
);
/** These decide how long the server waits for a body; what they do is tested by name. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'expect', 'host']);
const headerLines = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.tuple(names, visible).map(([name, value]) => `${name}: ${value}`) },
    { weight: 1, arbitrary: anyBytes },
  ),
  { maxLength: 12 },
);
const targets = fc.oneof(
  paths,
  fc.constantFrom('/firmware/1.1.0/image.bin', '/firmware/default/1.1.0/esp32/manifest.json', '*', '/', '//', '/%'),
  fc.webPath(),
  visible.map((text) => `/firmware/${text}`),
  anyBytes,
);
const methods = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('POST', 'GET', 'HEAD', 'PUT', 'OPTIONS') },
  fc.string({ maxLength: 8 }),
);

test('heads of every kind get an answer or a closed connection', async () => {
  await fc.assert(
    fc.asyncProperty(methods, targets, headerLines, damaged, async (method, target, lines, body) => {
      const client = await RawClient.open(server.url);
      const request = head(
        `${method} ${target} HTTP/1.1`,
        'Host: otter',
        'Connection: close',
        `Authorization: Bearer ${server.fleetToken}`,
        `Content-Length: ${body.length}`,
        ...lines,
      );
      client.send(Buffer.concat([Buffer.from(request, 'latin1'), body]));
      const { bytes } = await client.rest();
      client.close();
      if (bytes.length === 0) return;
      const [first = '', ...rest] = bytes.toString('latin1').split('\r\n\r\n');
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
      expect(status).toBeGreaterThanOrEqual(200);
      const answer = Buffer.from(rest.join('\r\n\r\n'), 'latin1');
      if (status >= 400 && answer.length > 0) expectEnvelope(status, answer);
      expect(status).toBeLessThan(500);
    }),
    { numRuns: RUNS },
  );
  await expectAlive(server);
});

test('no line of the log is about a fault or holds a token', () => {
  expect(server.logged.length).toBeGreaterThan(RUNS);
  expect(server.logged.filter((line) => /"level":(50|60)/.test(line))).toEqual([]);
  expectNoToken(server, server.logged);
});

function expectProtocol(status: number, answer: Buffer): void {
  if (status !== 200) {
    expectEnvelope(status, answer);
    return;
  }
  const body: unknown = JSON.parse(answer.toString());
  const references = { Manifest };
  expect(Value.Check(references, CheckUpdateAnswer, body) || Value.Check(ReportStatusAnswer, body)).toBe(true);
}

function expectEnvelope(status: number, answer: Buffer): void {
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(answer.length).toBeLessThanOrEqual(MAX_ERROR_BYTES);
  const body: unknown = JSON.parse(answer.toString());
  expect(body).toSatisfy((value: unknown) => Value.Check(ErrorAnswer, value));
}
