// What documents point at is there: files and anchors of links, paths in the text, and the functions that ARCHITECTURE.md
// names beside their files.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchors, listDocuments, prose, readDocument, ROOT } from './markdown.ts';

const DOCUMENTS = listDocuments();

/** Folders whose paths are meant as paths of the repository. */
const FOLDERS = /^(bin|bench|cli|config|docs|engine|protocol|server|simulator|tests|runtime)\/[\w./*-]+$/;

/** Made by the first start, or by an upload: not part of the repository. */
const MADE_LATER = /^config\/(server\.yml|schedules\.yaml|plans\.yaml)$|^\.env$/;

/** Folders of `server/src/` that ARCHITECTURE.md names without it. */
const SHORT = /^(backup|http|certs|config|db|disk|esp-image|home|jobs|service|storage|time)\/[\w/-]+\.ts$|^main\.ts$/;

describe.each(DOCUMENTS)('%s', (path) => {
  const document = readDocument(path);

  test('links to files and headings that are there', () => {
    const broken = links(document).filter((link) => !leadsSomewhere(path, link));
    expect(broken).toEqual([]);
  });

  test('names no path that is not there', () => {
    const missing = codeSpans(document)
      .filter((span) => FOLDERS.test(span) && !MADE_LATER.test(span))
      .filter((span) => !existsSync(join(ROOT, span)));
    expect(missing).toEqual([]);
  });

  test('begins with its only title', () => {
    expect(document.startsWith('# ')).toBe(true);
    expect(prose(document).match(/^# /gm)).toHaveLength(1);
  });
});

test('ARCHITECTURE.md names files that are there, with functions that are in them', () => {
  const document = readDocument('ARCHITECTURE.md');
  const files = codeSpans(document).filter(
    (span) => SHORT.test(span) || /^(cli|engine|protocol|simulator)\/[\w/-]+\.ts$/.test(span),
  );
  expect(files.length).toBeGreaterThan(30);
  expect(files.filter((file) => !existsSync(placeOf(file)))).toEqual([]);
  // A file, then one or more of its functions: `file.ts` `one()`, `other()`.
  const named = [...document.matchAll(/`([\w/-]+\.ts)`((?:[\s,]+`\w+(?:\(\))?`)+)/g)].flatMap(
    ([, file = '', names = '']) => [...names.matchAll(/\w+/g)].map(([name]) => ({ file, name })),
  );
  expect(named.length).toBeGreaterThan(50);
  const missing = named.filter(
    ({ file, name }) => !new RegExp(`\\b${name}\\b`).test(readFileSync(placeOf(file), 'utf8')),
  );
  expect(missing).toEqual([]);
});

test('every decision is in the list of ARCHITECTURE.md', () => {
  const listed = links(readDocument('ARCHITECTURE.md'));
  const decisions = DOCUMENTS.filter((path) => path.startsWith('docs/decisions/'));
  expect(decisions.length).toBeGreaterThan(0);
  expect(decisions.filter((path) => !listed.includes(path))).toEqual([]);
});

function links(document: string): readonly string[] {
  return [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
}

function leadsSomewhere(from: string, link: string): boolean {
  if (/^https?:\/\//.test(link)) return true;
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? from : normalize(join(dirname(from), file));
  if (!existsSync(join(ROOT, target))) return false;
  return anchor === undefined || anchors(readDocument(target)).has(anchor);
}

function codeSpans(document: string): readonly string[] {
  return [...prose(document).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
}

function placeOf(file: string): string {
  return join(ROOT, SHORT.test(file) ? 'server/src' : '', file);
}
