// JSON as boards and operators must send it: UTF-8, at most so deep, no member twice. `JSON.parse` alone would silently
// keep the last of two members, and a board and a server that disagree on which one counts is how bad updates happen
// (RFC 8259 section 4).

import { isUtf8 } from 'node:buffer';
import { OtterError } from '#protocol/errors.ts';
import { MAX_JSON_DEPTH } from '#protocol/limits.ts';

/** The value of a JSON text. Throws `encoding_invalid`, `json_invalid` (with the offset), `json_too_deep`, `duplicate_field`. */
export function parseStrictJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new OtterError('encoding_invalid', 'the body is not UTF-8', 'send JSON as UTF-8');
  const text = bytes.toString('utf8');
  refuseDepth(text);
  const value = parse(text);
  refuseDuplicates(text);
  return value;
}

/** Also for the beginning of a text that is too long to be read whole. Throws `json_too_deep`. */
export function refuseDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charCodeAt(index);
    if (inString) {
      if (char === BACKSLASH) index += 1;
      else if (char === QUOTE) inString = false;
      continue;
    }
    if (char === QUOTE) inString = true;
    else if (char === OPEN_OBJECT || char === OPEN_ARRAY) depth += 1;
    else if (char === CLOSE_OBJECT || char === CLOSE_ARRAY) depth -= 1;
    if (depth > MAX_JSON_DEPTH)
      throw new OtterError(
        'json_too_deep',
        `the body is nested deeper than ${MAX_JSON_DEPTH} levels (offset ${index})`,
        'send the members that the API names, and no others',
      );
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COLON = 0x3a;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const offset = /position (\d+)/.exec(said)?.[1] ?? String(text.length);
    throw new OtterError('json_invalid', `the body is not valid JSON (offset ${offset})`, 'send one JSON object', {
      cause: error,
    });
  }
}

/** The text is known to be valid here, so a string that a colon follows is a member name of the innermost object. */
function refuseDuplicates(text: string): void {
  const names: Set<string>[] = [];
  let index = 0;
  while (index < text.length) {
    const char = text.charCodeAt(index);
    if (char === QUOTE) {
      const end = endOfString(text, index);
      if (isMemberName(text, end)) addName(names.at(-1), text.slice(index, end), index);
      index = end;
      continue;
    }
    if (char === OPEN_OBJECT || char === OPEN_ARRAY) names.push(new Set());
    else if (char === CLOSE_OBJECT || char === CLOSE_ARRAY) names.pop();
    index += 1;
  }
}

/** The index behind the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (text.charCodeAt(index) !== QUOTE) index += text.charCodeAt(index) === BACKSLASH ? 2 : 1;
  return index + 1;
}

function isMemberName(text: string, end: number): boolean {
  let index = end;
  while (text.charCodeAt(index) <= 0x20) index += 1;
  return text.charCodeAt(index) === COLON;
}

function addName(names: Set<string> | undefined, quoted: string, offset: number): void {
  // Two spellings of one name are one name: "a" and "\u0061".
  const name: unknown = quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1);
  if (names === undefined || typeof name !== 'string') return;
  if (names.has(name))
    throw new OtterError(
      'duplicate_field',
      `the body has member ${JSON.stringify(name.slice(0, 40))} twice (offset ${offset})`,
      'send each member once',
    );
  names.add(name);
}
