// A simulated board with release keys takes what one of them signed and nothing else, as the library does; over real TLS a fleet of them
// moves to a signed build.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type CheckedOffer, checkInOf, newBoard, validateOffer } from '#simulator/device/board.ts';
import { simulate } from '#simulator/simulate.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { SignedLine } from '../support/signed-line.ts';
import { newKey, signFields } from '../support/signing.ts';

const [key, backup, other] = [newKey(), newKey(), newKey()];
const fields = {
  format: 'otter-manifest/1',
  product: 'thermostat',
  version: '1.1.0',
  chip: 'esp32',
  size_bytes: 1_000_000,
  sha256: 'b'.repeat(64),
  security_version: 0,
  created_at: '2026-11-23T10:00:00Z',
  expires_at: '-',
} as const;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => server.end());

const board = newBoard({
  mac: '02:00:00:00:00:01',
  product: 'thermostat',
  version: '1.0.0',
  chip: 'esp32',
  slotBytes: 2_000_000,
  labels: [],
  releaseKeys: [key.releaseKey, backup.releaseKey],
});

function says(manifest: object): string {
  const offer = {
    assignment_id: 7,
    rollback: false,
    labels: [],
    manifest: { ...fields, release_notes: '', ...manifest },
  };
  return validateOffer(board, offer satisfies CheckedOffer) ?? 'ok';
}

test('takes what one of its keys signed, and nothing else', () => {
  const { signatures } = signFields(fields, [key]);
  expect(says({ signatures })).toBe('ok');
  expect(says({ signatures: signFields(fields, [other, backup]).signatures })).toBe('ok');
  expect(says({})).toBe('signature');
  expect(says({ signatures: [] })).toBe('signature');
  expect(says({ signatures: signFields(fields, [other]).signatures })).toBe('signature');
  expect(says({ signatures, version: '1.1.1' })).toBe('signature');
  expect(says({ signatures, expires_at: '2027-11-23T10:00:00Z' })).toBe('signature');
  expect(checkInOf(board).release_keys).toEqual([key.releaseKey.keyId, backup.releaseKey.keyId]);
});

test('a fleet of them moves to a signed build', async () => {
  const line = new SignedLine(server);
  await line.trust(key);
  await line.release('1.1.0', [key]);
  const ended = new AbortController();
  const fleet = await simulate({
    server: server.url,
    pin: server.pin,
    fleetToken: server.fleetToken,
    devices: 4,
    product: line.product,
    version: '1.0.0',
    chip: 'esp32',
    failTrial: 0,
    silent: 0,
    slow: 0,
    brokenDownload: 0,
    lostReport: 0,
    labels: [],
    releaseKeys: [key.releaseKey],
    seed: 1,
    pollIntervalS: 1,
    signal: ended.signal,
    onProgress: ({ byVersion }) => {
      if (byVersion['1.1.0'] === 4) ended.abort();
    },
  });
  expect(fleet.byVersion).toEqual({ '1.1.0': 4 });
  await vi.waitFor(async () => expect(await line.keyOf(key)).toMatchObject({ devices: 4 }));
});
