// Which release an upload is: what the operator types names it, then the marker, then the descriptor, whose words are kept beside it.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildEspImage } from '../../support/esp-image-builder.ts';
import { release } from '../../support/fleet.ts';
import { ProductLine } from '../../support/product-line.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const INPUTS = fileURLToPath(new URL('../../../../shared/inputs/', import.meta.url));

let server: TestServer;
let line: ProductLine;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(() => {
  line = new ProductLine(server);
});
afterAll(async () => server.end());

const imageSaying = (version: string, projectName = 'boiler'): Buffer =>
  buildEspImage({ descriptor: { version, projectName } });
const refusal = async (query: Readonly<Record<string, string>>, body: Buffer) => {
  const { status, body: answer } = await server.tryAdmin('uploadFirmware', {
    query: { product: line.product, ...query },
    body,
  });
  return { status, ...(answer['error'] as { code: string; message: string; hint: string }) };
};
const add = async (query: Readonly<Record<string, string>>, body: Buffer) =>
  server.admin('uploadFirmware', { query: { product: line.product, ...query }, body });

describe('a version', () => {
  test.each([
    { said: '1.2', why: '2 numbers', example: '1.2.0' },
    { said: '1.2.3.4', why: '4 numbers', example: '1.2.3' },
    { said: '2026.01.05', why: 'leading zeros', example: '2026.1.5' },
    { said: '0296947', why: 'hash of a commit', example: '1.4.0' },
    { said: 'abcdef0-dirty', why: 'hash of a commit', example: '1.4.0' },
    { said: 'release/ng-v1.0.2-22-gd27fcd6', why: 'not SemVer', example: '1.4.0' },
  ])('$said of a descriptor is quoted, with why it names no release', async ({ said, why, example }) => {
    const { status, code, message, hint } = await refusal({}, imageSaying(said));
    expect({ status, code }).toEqual({ status: 422, code: 'version_missing' });
    expect(message).toContain(JSON.stringify(said));
    expect(message).toContain(why);
    expect(hint).toContain(`--version ${example}`);
    const { firmware, image } = await add({ version: '3.0.0' }, imageSaying(said));
    expect(firmware).toMatchObject({ version: '3.0.0' });
    expect(image.info).toMatchObject({ version: said, project: 'boiler' });
  });

  test.each(['1.2', '1.2.3.4', '01.2.3', 'abcdef0', ''])(
    'typed as %j is refused with the text and why',
    async (version) => {
      const { code, message, hint } = await refusal({ version }, imageSaying('1.0.0'));
      expect(code).toBe('version_invalid');
      expect(message).toContain(JSON.stringify(version));
      expect(hint).toContain('--version');
    },
  );

  test.each(['v1.4.0', 'V1.4.0'])('%s is 1.4.0, typed, in a descriptor and in an address', async (written) => {
    expect(await add({}, imageSaying(written))).toMatchObject({ firmware: { version: '1.4.0' } });
    expect(await add({ version: written }, imageSaying(written))).toMatchObject({ already_there: true });
    const query = { product: line.product };
    expect(await server.admin('getFirmware', { params: { version: written }, query })).toMatchObject({
      version: '1.4.0',
    });
    await server.admin('setPilotReady', { params: { version: written }, query, body: { ready: true } });
    const body = { version: written, product: line.product };
    expect(await server.admin('createRollout', { body })).toMatchObject({ version: '1.4.0' });
  });

  test('of uncommitted sources is told of', async () => {
    const answer = await add({ version: '1.4.2' }, imageSaying('v1.4.1-2-g0296947-dirty'));
    expect(answer.warnings).toEqual(expect.arrayContaining([expect.stringContaining('not committed')]));
  });

  test('that is typed names the build, also where the descriptor says another', async () => {
    const { firmware, warnings } = await add({ version: '9.9.9' }, imageSaying('1.0.0'));
    expect(firmware.version).toBe('9.9.9');
    expect(warnings).toEqual(expect.arrayContaining([expect.stringMatching(/says version 1\.0\.0.*image_sha256/)]));
  });

  test('that looks newer than one that is there, and is not, is told of', async () => {
    await add({ version: '1.4.2-rc9' }, imageSaying('1.4.2-rc9'));
    const { warnings } = await add({ version: '1.4.2-rc10' }, imageSaying('1.4.2-rc10'));
    expect(warnings).toEqual(expect.arrayContaining([expect.stringMatching(/below 1\.4\.2-rc9.*rc\.10/)]));
  });

  test('below the stable build is told of, and a rollout of it that takes nobody', async () => {
    await line.makeStable('1.5.0');
    await line.newDevice('1.5.0', ['pilot']);
    const { warnings } = await line.upload('1.4.0', line.image('1.4.0'));
    expect(warnings).toEqual([expect.stringMatching(/1\.4\.0 is below 1\.5\.0, the stable build/)]);
    const draft = await server.admin('createRollout', { body: { version: '1.4.0', product: line.product } });
    expect(draft.warnings).toEqual([expect.stringMatching(/takes nobody.*runs 1\.4\.0 or a newer version/)]);
    await line.add('1.6.0');
    const next = await server.admin('createRollout', { body: { version: '1.6.0', product: line.product } });
    expect(next.warnings).toEqual([]);
  });
});

describe('a project', () => {
  test('of another name than the product is told of once', async () => {
    const first = await add({ version: '1.0.0' }, imageSaying('1.0.0', 'hello_world'));
    expect(first.warnings).toEqual([expect.stringMatching(/project hello_world.*--force-project/)]);
    expect(await add({ version: '1.1.0' }, imageSaying('1.1.0', 'hello_world'))).toMatchObject({ warnings: [] });
    const other = await add({ version: '1.2.0' }, imageSaying('1.2.0', 'other'));
    expect(other.warnings).toEqual([expect.stringMatching(/project other.*project hello_world/)]);
    const forced = await add({ version: '1.3.0', force_project: 'true' }, imageSaying('1.3.0', 'third'));
    expect(forced.warnings).toEqual([]);
  });

  test('is the same in another letter case, with a dash or an underscore', async () => {
    const written = line.product.toUpperCase().replaceAll('-', '_');
    expect(await add({ version: '1.0.0' }, imageSaying('1.0.0', written))).toMatchObject({ warnings: [] });
    const c3 = buildEspImage({ chipId: 5, descriptor: { version: '1.0.0', projectName: line.product } });
    expect(await add({ version: '1.0.0' }, c3)).toMatchObject({ warnings: [] });
  });

  test.each(['arduino-lib-builder', 'esp32-arduino-lib-builder'])('%s is none of the sketch', async (projectName) => {
    const sketch = imageSaying('esp-idf: v5.1.4 abcdef0', projectName);
    expect(await refusal({}, sketch)).toMatchObject({ code: 'version_missing', message: /Arduino/ });
    const { image, warnings } = await add({ version: '1.0.0' }, sketch);
    expect(warnings).toEqual([]);
    expect(image.info).toMatchObject({ project: null, version: null, idf_version: 'v5.5.5' });
  });
});

test('what the file says of itself is stored and shown', async () => {
  const body = buildEspImage({
    descriptor: { version: '1.0.0', projectName: 'boiler', idfVersion: 'v5.4' },
    minChipRevision: 3,
    maxChipRevision: 199,
    flashSizeCode: 2,
  });
  await add({}, body);
  const shown = await server.admin('getFirmware', { params: { version: '1.0.0' }, query: { product: line.product } });
  expect(shown.images).toMatchObject([
    {
      info: {
        project: 'boiler',
        version: '1.0.0',
        idf_version: 'v5.4',
        compiled_at: 'Nov 23 2026 10:20:30',
        min_chip_revision: 3,
        max_chip_revision: 199,
        flash_bytes: 4 * 1_048_576,
        signature: null,
      },
    },
  ]);
});

describe.skipIf(!existsSync(INPUTS))('public builds (skipped where ../shared/inputs is not there)', () => {
  const read = (name: string): Buffer => readFileSync(`${INPUTS}${name}`);

  test.each(['hello-ESP32_C3.bin', 'hello-ESP32_H2.bin'])('%s is taken under the name that was typed', async (name) => {
    expect(await refusal({}, read(name))).toMatchObject({
      code: 'version_missing',
      message: expect.stringContaining('"v1.4.1-2-g0296947-dirty"'),
    });
    const { firmware, image, warnings } = await add({ version: '9.9.9' }, read(name));
    expect(firmware).toMatchObject({ product: line.product, version: '9.9.9' });
    expect(image.info).toMatchObject({ project: 'hello_world', version: 'v1.4.1-2-g0296947-dirty' });
    expect(warnings).toHaveLength(3);
  });

  test('sbv1.bin is taken as signed, byte for byte', async () => {
    const { firmware, image } = await add({ pilot_ready: 'true' }, read('sbv1.bin'));
    expect(image.info).toMatchObject({ signature: 'Secure Boot V1' });
    await release(server, firmware.version, firmware.product);
    expect((await server.fetch('GET', image.url, { token: server.fleetToken })).body.equals(read('sbv1.bin'))).toBe(
      true,
    );
  });
});
