// The library compiles without a warning against every generation of the core that it names, for chips with Wi-Fi, without it
// (ESP32-H2) and with that of a second chip (ESP32-P4). The headers are our own (client/extras/test/fakes): they differ where
// the real ones do. What does not touch the platform is compiled as C++11, as core 2.x does, and as C++23.

import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ROOT } from '../docs/markdown.ts';
import { sizeOf } from '../support/scope.ts';
import { listExamples, sketchOf } from './library-rules.ts';
import { fakeHeaders, LIBRARY_SOURCES, type Wifi } from './support/fake-headers.ts';

const LIBRARY = join(ROOT, 'client');
const COMPILER = process.env['CXX'] ?? 'g++';
const HAS_TO_RUN = spawnSync(COMPILER, ['--version']).status === 0 || (process.env['CI'] ?? '') !== '';

interface Build {
  readonly core: Parameters<typeof fakeHeaders>[0];
  readonly wifi: Wifi;
}

/** Programs are built with core 3.3 and Wi-Fi in any case. */
const FEW: readonly Build[] = [
  { core: '2.0', wifi: 'own' },
  { core: '3.0', wifi: 'none' },
  { core: '3.1', wifi: 'remote' },
];
const BUILDS = sizeOf<readonly Build[]>({
  push: FEW,
  whole: [
    ...FEW,
    { core: '3.0', wifi: 'own' },
    { core: '3.2', wifi: 'own' },
    { core: '3.3', wifi: 'own' },
    { core: '3.3', wifi: 'none' },
  ],
});

const SOURCES = readdirSync(LIBRARY_SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.cpp'))
  .map((name) => join(LIBRARY_SOURCES, name));
const OF_THE_PLATFORM = SOURCES.filter((path) => /hal\/|OtterOTA\.cpp$/.test(path));

describe.runIf(HAS_TO_RUN).concurrent('the library compiles', () => {
  test.for(BUILDS)('on core $core, Wi-Fi: $wifi', async (build) => {
    expect(OF_THE_PLATFORM.length).toBeGreaterThan(3);
    expect(await compile(OF_THE_PLATFORM, build)).toBe('');
  });

  test.for<Build>(
    sizeOf<readonly Build[]>({
      push: [{ core: '2.0', wifi: 'own' }],
      whole: [
        { core: '2.0', wifi: 'own' },
        { core: '3.3', wifi: 'own' },
      ],
    }),
  )('whole, in the language of core $core', async (build) => {
    expect(SOURCES.length).toBeGreaterThan(25);
    expect(await compile(SOURCES, build)).toBe('');
  });

  const withWifi = listExamples(LIBRARY).filter((name) => name !== 'Ethernet');
  test.for(sizeOf({ push: ['Basic'], whole: withWifi }))('with the example %s on core 2.0', async (name) => {
    expect(await compile([join(LIBRARY, sketchOf(name))], { core: '2.0', wifi: 'own' })).toBe('');
  });

  test('with the example for Ethernet on a chip without Wi-Fi', async () => {
    expect(await compile([join(LIBRARY, sketchOf('Ethernet'))], { core: '3.0', wifi: 'none' })).toBe('');
  });
});

describe.runIf(HAS_TO_RUN)('a core that is too old', () => {
  test('is named with the version that is needed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'otter-core-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'core'));
    const version = `#define ESP_ARDUINO_VERSION_VAL(major, minor, patch) ((major << 16) | (minor << 8) | (patch))
#define ESP_ARDUINO_VERSION_MAJOR 2
#define ESP_ARDUINO_VERSION ESP_ARDUINO_VERSION_VAL(2, 0, 3)
`;
    writeFileSync(join(folder, 'core/esp_arduino_version.h'), version);
    const said = await compile([join(LIBRARY_SOURCES, 'OtterOTA.cpp')], { core: '2.0', wifi: 'own' }, [
      join(folder, 'core'),
    ]);
    expect(said).toContain('#error "OtterOTA needs version 2.0.4 or newer of the ESP32 core');
    expect(said.match(/error:/g)).toHaveLength(1);
  });
});

/** What the compiler says; empty where all is well. */
async function compile(sources: readonly string[], build: Build, before: readonly string[] = []): Promise<string> {
  const headers = [...before, ...fakeHeaders(build.core, build.wifi)];
  const standard = build.core === '2.0' ? '-std=gnu++11' : '-std=gnu++2b';
  const options = ['-fsyntax-only', '-fno-rtti', '-Wall', '-Wextra', '-Werror', '-DESP32', '-DARDUINO=10819'];
  const chip = build.wifi === 'remote' ? ['-DCONFIG_ESP_WIFI_REMOTE_ENABLED=1'] : [];
  const folders = ['-I', LIBRARY_SOURCES, ...headers.flatMap((folder) => ['-isystem', folder])];
  const ofSketch = ['-include', 'Arduino.h', '-x', 'c++'];
  return new Promise((resolve) => {
    execFile(COMPILER, [standard, ...options, ...chip, ...folders, ...ofSketch, ...sources], (error, _, messages) => {
      resolve(error === null ? messages : messages || error.message);
    });
  });
}
