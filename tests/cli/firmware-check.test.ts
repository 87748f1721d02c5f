// `otter firmware check` says what a file is without a server, and `--extract` takes the application out of a merged image.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  arduinoSigned,
  buildEspImage,
  flashFile,
  partitionTable,
  secureBootV1Signed,
} from '../support/esp-image-builder.ts';
import { runOtter } from '../support/otter-command.ts';
import { startTestServer } from '../support/server/server.ts';

const BOOTLOADER = readFileSync(
  new URL('../../node_modules/espruino-create-project/firmware/esp32/bootloader.bin', import.meta.url),
);
const image = buildEspImage({
  chipId: 0,
  descriptor: { version: 'v1.4.1-2-g0296947-dirty', projectName: 'boiler' },
  minChipRevision: 300,
});
const merged = flashFile(0x20000, [
  [0x1000, BOOTLOADER],
  [0x8000, partitionTable([{ label: 'factory', type: 0, subtype: 0, offset: 0x10000, sizeBytes: 0x10000 }])],
  [0x10000, image],
]);

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'otter-check-'));
});
afterEach(async () => rm(home, { recursive: true, force: true }));

const check = async (bytes: Uint8Array, ...options: readonly string[]) => {
  await writeFile(path.join(home, 'file.bin'), bytes);
  return runOtter(home, ['firmware', 'check', 'file.bin', ...options]);
};

describe('a file is checked without a server', () => {
  test('what it says of itself, and that it needs a name', async () => {
    const run = await check(image);
    expect(run.exitCode).toBe(0);
    for (const said of ['esp32', 'boiler', 'v1.4.1-2-g0296947-dirty', 'v3.0 and later', 'v5.5.5', 'signature', 'none'])
      expect(run.stdout).toContain(said);
    expect(run.stdout).toMatch(/not as it is:.*git describe[\s\S]*--version 1\.4\.1-2-g0296947-dirty/);
  });

  test('as one JSON document, with the name that it would get', async () => {
    const run = await check(arduinoSigned(image, 'ecdsa'), '--json', '--version', 'v9.9.9', '--product', 'heater');
    expect(JSON.parse(run.stdout)).toMatchObject({
      file: 'file.bin',
      chip: 'esp32',
      product: 'heater',
      version: '9.9.9',
      refusal: null,
      marker: null,
      info: { signature: 'Arduino', min_chip_revision: 300, version: 'v1.4.1-2-g0296947-dirty' },
      warnings: [expect.stringContaining('not committed'), expect.stringContaining('image_sha256')],
    });
    expect(JSON.parse((await check(image, '--json')).stdout)).toMatchObject({
      version: null,
      refusal: { code: 'version_missing' },
    });
  });

  test('one that no server takes ends like the refusal of an upload', async () => {
    const page = await check(Buffer.from('<html>'), '--json');
    expect(page.exitCode).toBe(3);
    expect(JSON.parse(page.stdout)).toMatchObject({ error: { code: 'html_page' } });
    const whole = await check(merged);
    expect(whole.exitCode).toBe(3);
    expect(whole.stderr).toMatch(/factory at 0x10000[\s\S]*--extract app/);
  });

  test('a flash of many MiB is told as such, not as too large', async () => {
    const run = await check(Buffer.concat([merged, Buffer.alloc(8 * 1_048_576, 0xff)]));
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain('merged flash image');
  });

  test('the application inside of a merged one', async () => {
    for (const part of ['app', 'factory'])
      expect(JSON.parse((await check(merged, '--extract', part, '--json')).stdout)).toMatchObject({
        size_bytes: image.length,
        chip: 'esp32',
      });
    const run = await check(merged, '--extract', 'ota_1');
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain('factory');
  });
});

test('an upload takes the application out of a merged image, and show says what is known of it', async () => {
  const server = await startTestServer();
  try {
    await writeFile(
      path.join(home, 'merged.bin'),
      flashFile(0x20000, [
        [0x1000, BOOTLOADER],
        [0x8000, partitionTable([{ label: 'app0', type: 0, subtype: 16, offset: 0x10000, sizeBytes: 0x10000 }])],
        [0x10000, secureBootV1Signed(image)],
      ]),
    );
    const options = [
      '--server',
      server.url.origin,
      '--token',
      server.adminToken,
      '--pin',
      `${server.pin.kind}:${server.pin.sha256}`,
    ];
    const refused = await runOtter(home, ['firmware', 'add', 'merged.bin', '--version', '2.0.0', ...options]);
    expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('--extract app') });
    const add = ['firmware', 'add', 'merged.bin', '--extract', 'app', '--version', 'v2.0.0', ...options];
    expect(await runOtter(home, add)).toMatchObject({
      stderr: '',
      exitCode: 0,
      stdout: expect.stringContaining('2.0.0'),
    });
    const shown = await runOtter(home, ['firmware', 'show', 'v2.0.0', ...options]);
    expect(shown).toMatchObject({ stderr: '', exitCode: 0 });
    for (const said of [
      'Secure Boot V1',
      'boiler',
      'v1.4.1-2-g0296947-dirty',
      'Nov 23 2026',
      'v3.0 and later',
      '4.0 MiB',
    ])
      expect(shown.stdout).toContain(said);
  } finally {
    await server.end();
  }
});
