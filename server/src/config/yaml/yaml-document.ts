// Reads one YAML 1.2 file and remembers where each key stands, so that a problem found later can name line and column.
// It checks the text only; `shape.ts` checks the values. Messages are our own, because those of a YAML parser may quote
// the line, and the line may hold a password. Aliases and tags are refused: nothing here needs them.

import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';
import { errorAt, type Place, type Problem } from './problem.ts';
import { readSmallFile } from './read-file.ts';

/** Keys and list positions from the top of the document to a value: `['schedules', '0', 'cron']`. */
export type KeyPath = readonly string[];

/** Values together with where they came from. */
export type Source = {
  /** Undefined where nothing could be read; an empty file is an empty section. */
  readonly value: unknown;
  /** The place of the value at `path`, or of the nearest section around it. */
  readonly place: (path: KeyPath) => Place;
};

export type YamlDocument = Source & {
  readonly problems: readonly Problem[];
  /** There is no such file: an error for one file, a default for another. */
  readonly missing: boolean;
  /** Permission bits of the file. */
  readonly mode: number;
};

/** Reads `file`. It never throws; a file that cannot be read has problems and no value. */
export function readYamlDocument(file: string): YamlDocument {
  const whole: Place = { file, line: 0, col: 0, key: '' };
  const content = readSmallFile(file);
  if (!content.ok) {
    const problems = [errorAt(whole, content.message, content.hint)];
    return { value: undefined, problems, missing: content.missing, mode: 0, place: () => whole };
  }
  const lines = new LineCounter();
  const parsed = parseDocument(content.text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false, // `duplicateKeys` names both lines
    logLevel: 'silent',
  });
  const syntax = syntaxProblems(parsed, lines, file);
  return {
    value: syntax.length > 0 ? undefined : (withoutEmptyKeys(parsed).toJS() ?? {}),
    problems: [...syntax, ...duplicateKeys(parsed, lines, file)],
    missing: false,
    mode: content.mode,
    place: (path) => placeOf(parsed, lines, file, path),
  };
}

/** `['schedules', '0', 'cron']` as an author writes it: `schedules[0].cron`. */
export function keyText(path: KeyPath): string {
  return path.map((step, depth) => (/^\d+$/.test(step) ? `[${step}]` : `${depth === 0 ? '' : '.'}${step}`)).join('');
}

const SYNTAX: ReadonlyMap<string, readonly [message: string, hint: string]> = new Map([
  ['TAB_AS_INDENT', ['a tab is used as indentation', 'use spaces']],
  ['BAD_INDENT', ['the indentation does not fit the lines around it', 'align it with its neighbours']],
  ['MISSING_CHAR', ['a closing quote, bracket, comma or space is missing', 'complete it']],
  ['BLOCK_AS_IMPLICIT_KEY', ['there is a second "key: " on the line', 'put the value in quotes']],
  ['MULTIPLE_DOCS', ['a second document begins here (---)', 'keep one document in the file']],
  ['RESOURCE_EXHAUSTION', ['this is nested too deeply', 'a configuration has four levels at most']],
  ['TAG_RESOLVE_FAILED', ['the value begins with "!", which YAML reads as a tag', 'put the value in quotes']],
]);

function syntaxProblems(document: Document, lines: LineCounter, file: string): readonly Problem[] {
  const at = (offset: number): Place => ({ file, ...lines.linePos(offset), key: '' });
  const problems = firstOfEachLine([...document.errors, ...document.warnings], lines).map(({ code, pos }) => {
    const [message, hint] = SYNTAX.get(code) ?? [
      `this is not valid YAML (${code})`,
      'check quotes, colons and brackets',
    ];
    return errorAt(at(pos[0]), message, hint);
  });
  visit(document, {
    Alias: (_key, alias) => {
      const hint = 'write the value out, or put it in quotes';
      problems.push(
        errorAt(at(alias.range?.[0] ?? 0), 'the value begins with "*", which YAML reads as an alias', hint),
      );
    },
  });
  return problems;
}

/** What follows in the same line is mostly an echo of the first. */
function firstOfEachLine(errors: readonly YAMLError[], lines: LineCounter): readonly YAMLError[] {
  const seen = new Set<number>();
  return errors.filter(({ pos }) => {
    const { line } = lines.linePos(pos[0]);
    return seen.has(line) ? false : seen.add(line);
  });
}

function duplicateKeys(document: Document, lines: LineCounter, file: string): readonly Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Map: (_key, map) => {
      const firstLines = new Map<string, number>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        const position = lines.linePos(key.range?.[0] ?? 0);
        const firstLine = firstLines.get(name);
        if (firstLine === undefined) firstLines.set(name, position.line);
        else {
          const message = `the key is there twice, in line ${firstLine} and in line ${position.line}`;
          problems.push(errorAt({ file, ...position, key: name }, message, 'keep one of them'));
        }
      }
    },
  });
  return problems;
}

/** A key without a value counts as not written: the lines below it may all be comments. */
function withoutEmptyKeys(document: Document): Document {
  const copy = document.clone();
  visit(copy, {
    Pair: (_key, { value }) => (value === null || (isScalar(value) && value.value === null) ? visit.REMOVE : undefined),
  });
  return copy;
}

function placeOf(document: Document, lines: LineCounter, file: string, path: KeyPath): Place {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
      if (!isScalar(pair?.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else break;
  }
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(line, 1), col: Math.max(col, 1), key: keyText(path) };
}
