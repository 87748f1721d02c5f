// Words that puzzled readers stay out of code, messages and documents; the glossary has the words in their place. CHANGELOG keeps
// what was said when it was said.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = [
  'protocol',
  'engine',
  'server',
  'cli',
  'simulator',
  'dashboard',
  'client/src',
  'client/examples',
  'docs',
  'config',
  'bench',
];
const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'client/README.md'];
const TEXT = /\.(tsx?|md|ya?ml|h|cpp|ino)$/;

/** What is retired, and the word that takes its place. */
const RETIRED: readonly (readonly [RegExp, string])[] = [
  [/\bwear(s|ing)?\b(?! (and|or) tear)|\bworn\b(?! flash)/i, 'a device has a label'],
  [/\b(goes|go|sent|send|way) home\b/i, 'roll back to the prior stable version; the way back'],
  [/\bhurts?\b/i, 'affected'],
  [/\bturnstile/i, 'semaphore'],
  [/\bmishap/i, 'fault'],
  [/\btall(y|ies)\b/i, 'gate counts'],
  [/stepping.?stone/i, 'required version'],
  [/\brehears/i, 'simulation'],
  [/\bvet(ting|Offer|ted)\b/i, 'validate an offer'],
  [/boot.?story|tellBoot/i, 'boot diagnosis'],
  [/\bHappenings?\b/, 'outcome'],
  [/\bwish(es)?\b/i, 'command'],
  [/say it again with --yes/i, 'repeat the command with --yes'],
  [/nothing is to come of it/i, 'it has ended'],
  [/\bcannot be one\b(?! too many)/i, 'is invalid'],
  [/turns? (it|the order) round/i, 'sorts in the other order'],
  [/in words that this otter/i, 'in a way that this version of otter does not know'],
  [/this content type is not taken/i, 'the content type is not supported'],
  [/the server made a mistake/i, 'internal error'],
];

const texts = [
  ...PAGES,
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => TEXT.test(name) && !name.includes('node_modules') && !name.startsWith('dist'))
      .map((name) => join(folder, name)),
  ),
].map((path) => ({ path, lines: readFileSync(join(ROOT, path), 'utf8').split('\n') }));

test.each(RETIRED)('%s is retired: %s', (word) => {
  expect(texts.length).toBeGreaterThan(400);
  const found = texts.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => (word.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(found).toEqual([]);
});
