// The documents of this repository as tests read them: where they are, their code blocks, links and headings. Understands
// the Markdown that we write (fences with three backticks, inline links), not all of it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Every document, as a path from the root of the repository. */
export function listDocuments(): readonly string[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  return [...top, ...below].toSorted();
}

export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export interface CodeBlock {
  /** What stands behind the backticks: `sh`, `text`, ... */
  readonly language: string;
  readonly text: string;
  /** The nearest heading of level 2 above it. */
  readonly section: string;
}

/** The fenced blocks of a document, in their order. */
export function codeBlocks(document: string): readonly CodeBlock[] {
  return [...document.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? '',
    text: match[2] ?? '',
    section:
      document
        .slice(0, match.index)
        .match(/^## .*$/gm)
        ?.at(-1)
        ?.slice(3) ?? '',
  }));
}

/** The document without its fenced blocks, where links and paths are not meant as such. */
export function prose(document: string): string {
  return document.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

/** The anchors of the headings, as GitHub makes them. */
export function anchors(document: string): ReadonlySet<string> {
  const headings = [...prose(document).matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1] ?? '');
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
