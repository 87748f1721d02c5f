// What others take the library from: the zip of the Arduino IDE and the tree of a mirror repository. Both hold what git knows, fit
// the rules of an Arduino library, and need nothing of the rest of the repository.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import library from '../../client/library.json' with { type: 'json' };
import { ROOT } from '../docs/markdown.ts';
import { RULES } from './library-rules.ts';

let folder: string;
let said: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'otter-package-'));
  // A person's secrets, which must not come along.
  const secrets = join(ROOT, 'client/examples/secrets.h');
  const isMine = !existsSync(secrets);
  if (isMine) writeFileSync(secrets, '// secret\n');
  const run = spawnSync(process.execPath, [join(ROOT, 'bin/client.mjs'), 'package', folder], { encoding: 'utf8' });
  if (isMine) rmSync(secrets);
  said = run.stdout + run.stderr;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ZIP = `OtterOTA-${library.version}.zip`;

test('the tree is an Arduino library by itself, with its manifests at the root', () => {
  const tree = join(folder, 'OtterOTA');
  expect(said).toBe(`${join(folder, ZIP)}\n${tree}\n`);
  expect(Object.values(RULES).flatMap((rule) => rule(tree))).toEqual([]);
  const top = [
    'library.properties',
    'library.json',
    'idf_component.yml',
    'keywords.txt',
    'LICENSE',
    'README.md',
    'src',
  ];
  expect(readdirSync(tree)).toEqual(expect.arrayContaining(top));
  expect(readdirSync(join(tree, 'extras')).toSorted()).toEqual(['esp-idf', 'platformio']);
  expect(existsSync(join(tree, 'examples/secrets.h'))).toBe(false);
  expect(readFileSync(join(tree, 'README.md'), 'utf8')).not.toContain('](../');
});

test('the zip unpacks with another program to the same files', () => {
  const out = mkdtempSync(join(tmpdir(), 'otter-unzip-'));
  onTestFinished(() => rmSync(out, { recursive: true }));
  const unpack =
    'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])';
  const run = spawnSync('python3', ['-c', unpack, join(folder, ZIP), out], { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  const files = (root: string): readonly string[] =>
    readdirSync(join(root, 'OtterOTA'), { recursive: true, encoding: 'utf8' }).toSorted();
  expect(files(out)).toEqual(files(folder));
  const header = 'OtterOTA/src/OtterOTA.h';
  expect(readFileSync(join(out, header))).toEqual(readFileSync(join(ROOT, 'client/src/OtterOTA.h')));
});

test('manifests name one repository, that of package.json', () => {
  const json = (path: string): unknown => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
  const { repository } = json('package.json') as { readonly repository: unknown };
  expect(json('client/library.json')).toMatchObject({ repository });
  const component: unknown = parse(readFileSync(join(ROOT, 'client/idf_component.yml'), 'utf8'));
  expect(component).toMatchObject({ dependencies: { idf: '>=5.1', 'espressif/arduino-esp32': '>=3.0.5' } });
  expect({ type: 'git', url: (component as { readonly repository: string }).repository }).toEqual(repository);
});
