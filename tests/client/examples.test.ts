// Every example of the library compiles as the Arduino IDE compiles it: as C++ with Arduino.h in front. Against our own small
// headers of the core and of ESP-IDF (client/extras/test/fakes), with the options of arduino-esp32 3.x that change what a
// sketch may say. No linking: the real headers are checked elsewhere.

import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { codeBlocks, ROOT } from '../docs/markdown.ts';
import { FAKE_HEADERS, LIBRARY_SOURCES } from './support/fake-headers.ts';
import { listExamples, sketchOf } from './library-rules.ts';

const LIBRARY = join(ROOT, 'client');
const WARNINGS = ['-Wall', '-Wextra', '-Werror'];
const OPTIONS = ['-std=gnu++17', '-fsyntax-only', '-fno-rtti', ...WARNINGS, '-DESP32', '-DARDUINO=10819'];
const FOLDERS = ['-I', LIBRARY_SOURCES, ...FAKE_HEADERS.flatMap((folder) => ['-isystem', folder])];
const AS_THE_IDE_DOES = ['-include', 'Arduino.h', '-x', 'c++'];

const COMPILER = process.env['CXX'] ?? 'g++';
const HAS_COMPILER = spawnSync(COMPILER, ['--version']).status === 0;
const HAS_TO_RUN = HAS_COMPILER || (process.env['CI'] ?? '') !== '';

describe.runIf(HAS_TO_RUN)('an example', () => {
  test.each(listExamples(LIBRARY))('compiles: %s', async (name) => {
    expect(await compile(join(LIBRARY, sketchOf(name)))).toBe('');
  });

  test.each(['README.md', 'client/README.md', 'docs/first-board.md'])('compiles as %s shows it', async (document) => {
    const shown = codeBlocks(readFileSync(join(ROOT, document), 'utf8')).filter(({ language }) => language === 'cpp');
    expect(shown.length).toBeGreaterThan(0);
    for (const { text } of shown) expect(await compile(sketchWith(text))).toBe('');
  });

  test('compiles as the project for ESP-IDF has it', async () => {
    expect(await compile(join(LIBRARY, 'extras/esp-idf/main/main.cpp'))).toBe('');
  });

  test('that calls what is not there does not compile', async () => {
    const basic = readFileSync(join(LIBRARY, sketchOf('Basic')), 'utf8');
    expect(await compile(sketchWith(basic.replace('.begin();\n}', '.start();\n}')))).toMatch(
      /has no member named .start/,
    );
  });
});

test.skipIf(HAS_TO_RUN)(
  'the examples cannot be compiled here: install g++ (Debian: apt-get install g++)',
  () => undefined,
);

/** A sketch of its own with this text. */
function sketchWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'otter-example-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(join(LIBRARY, 'examples/Basic/secrets.example.h'), join(folder, 'secrets.example.h'));
  writeFileSync(join(folder, 'Sketch.ino'), text);
  return join(folder, 'Sketch.ino');
}

/** What the compiler says; empty where all is well. */
async function compile(sketch: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(COMPILER, [...OPTIONS, ...FOLDERS, ...AS_THE_IDE_DOES, sketch], (error, _, messages) => {
      resolve(error === null ? messages : messages || error.message);
    });
  });
}
