// Images that real boards run, uploaded as an operator does. They are too large for the repository: without the folder
// beside it these tests are skipped, and say so.

import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { release } from '../../support/fleet.ts';
import { DIALECTS } from '../../support/scope.ts';
import { expectRefusal } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const FOLDER = fileURLToPath(new URL('../../../../shared/firmware', import.meta.url));
const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.bin')) : [];
const applications = files.filter((name) => !name.includes('merged'));
const merged = files.filter((name) => name.includes('merged'));
const read = (name: string): Buffer => readFileSync(`${FOLDER}/${name}`);

describe.skipIf(files.length === 0).each(DIALECTS)(
  'real images on %s (skipped where ../shared/firmware is not there)',
  (dialect) => {
    let server: TestServer;
    beforeAll(async () => {
      server = await startTestServer({ dialect });
    });
    afterAll(async () => server?.end());

    test('there are five applications and a merged image', () => {
      expect([applications.length, merged.length]).toEqual([5, 1]);
    });

    test.each(applications)('%s is taken with its version, and comes back byte for byte', async (name) => {
      const [, version = '', chip = ''] = /-(\d+\.\d+\.\d+)-(esp32\w*)\.bin$/.exec(name) ?? [];
      const product = name.slice(0, name.indexOf(version) - 1);
      const bytes = read(name);
      const query = { product, version, sha256: hash('sha256', bytes), chip, pilot_ready: 'true' };
      const { image, already_there } = await server.admin('uploadFirmware', { query, body: bytes });
      expect({ image, already_there }).toMatchObject({
        already_there: false,
        image: { chip, size_bytes: bytes.length, sha256: hash('sha256', bytes) },
      });
      await release(server, version, product);
      const path = `/firmware/${product}/${version}/${chip}/image.bin`;
      expect((await server.fetch('GET', path, { token: server.fleetToken })).body.equals(bytes)).toBe(true);
      const from = bytes.length - 70_000;
      const part = await server.fetch('GET', path, { token: server.fleetToken, headers: { range: `bytes=${from}-` } });
      expect(part.body.equals(bytes.subarray(from))).toBe(true);
    });

    test.each(applications)('%s without a version is refused, since it does not say its own', async (name) => {
      const headers = { 'content-type': 'application/octet-stream' };
      const answer = await server.fetch('POST', '/api/v1/admin/firmware', {
        token: server.adminToken,
        body: read(name),
        headers,
      });
      await expectRefusal(server, answer, 'version_missing');
    });

    test.each(merged)('F17: %s is refused with the hint to upload the application', async (name) => {
      const headers = { 'content-type': 'application/octet-stream' };
      const answer = await server.fetch('POST', '/api/v1/admin/firmware?version=1.4.8', {
        token: server.adminToken,
        body: read(name),
        headers,
      });
      const { hint } = await expectRefusal(server, answer, 'merged_image');
      expect(hint).toMatch(/application/);
    });
  },
);
