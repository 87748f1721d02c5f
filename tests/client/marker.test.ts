// What `OTTER_FIRMWARE` leaves in a compiled program is the marker that the server looks for, also after the linker has
// thrown away what nobody refers to.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { encodeFirmwareMarker } from '#protocol/device/firmware-marker.ts';
import { FAKE_HEADERS, LIBRARY_SOURCES } from './support/fake-headers.ts';

const INCLUDE = ['-I', LIBRARY_SOURCES, ...FAKE_HEADERS.flatMap((folder) => ['-I', folder])];

const PROGRAM = `
#include <OtterOTA.h>
OTTER_FIRMWARE("thermostat", "1.4.0-rc.1+7");
int begin();
int main() { return begin(); }
`;

/** As the library refers to it, from another file. */
const LIBRARY = `
#include <core/firmware_marker.h>
int begin() { return otter_firmware_marker.version[0]; }
`;

test('the macro puts the marker of the server into a program, aligned', () => {
  const folder = mkdtempSync(join(tmpdir(), 'otter-marker-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'sketch.cpp'), PROGRAM);
  writeFileSync(join(folder, 'library.cpp'), LIBRARY);
  const optimized = ['-Os', '-fdata-sections', '-ffunction-sections', '-Wl,--gc-sections'];
  const { status, stderr } = spawnSync(
    'g++',
    [
      '-std=gnu++17',
      ...optimized,
      '-DESP32',
      '-DARDUINO=10819',
      ...INCLUDE,
      'sketch.cpp',
      'library.cpp',
      '-o',
      'sketch',
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const marker = encodeFirmwareMarker({ product: 'thermostat', version: '1.4.0-rc.1+7' });
  const at = readFileSync(join(folder, 'sketch')).indexOf(marker);
  expect(at).toBeGreaterThan(0);
  expect(at % 4).toBe(0);
});

test.each([
  ['a product of 32 characters', `OTTER_FIRMWARE("${'p'.repeat(32)}", "1.0.0");`, 'the product has 1 to 31 characters'],
  ['no product', 'OTTER_FIRMWARE("", "1.0.0");', 'the product has 1 to 31 characters'],
  ['a version of 32 characters', `OTTER_FIRMWARE("p", "1.0.0-${'a'.repeat(26)}");`, 'at most 31 characters'],
])('%s does not compile, and says why', (_, line, why) => {
  const { status, stderr } = spawnSync(
    'g++',
    ['-std=gnu++17', '-fsyntax-only', '-DESP32', '-DARDUINO=10819', ...INCLUDE, '-x', 'c++', '-'],
    { input: `#include <OtterOTA.h>\n${line}\n`, encoding: 'utf8' },
  );
  expect(status).not.toBe(0);
  expect(stderr).toContain(why);
});
