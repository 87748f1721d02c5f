// The log for people: one line for each record, in the local time. A request says what it was and what came of it; every other
// record says its message and its values. Programs get the JSON lines of pino instead.

import { styleText } from 'node:util';
import { escapeUnseen } from '#protocol/unseen.ts';

type Style = Parameters<typeof styleText>[0];

/** Levels of pino by their number. */
const LEVELS: Readonly<Record<number, { readonly name: string; readonly style: Style }>> = {
  10: { name: 'trace', style: 'dim' },
  20: { name: 'debug', style: 'dim' },
  40: { name: 'warning', style: 'yellow' },
  50: { name: 'error', style: 'red' },
  60: { name: 'fatal', style: 'red' },
};

/** What stands at a fixed place of a line, or helps nobody who reads along. */
const PLACED = new Set(['level', 'time', 'msg', 'request_id', 'method', 'path', 'status', 'ms', 'ip', 'cut']);

/** Of a request, what speaks for itself without its name. */
const PLAIN = ['device', 'decision', 'reason', 'action', 'firmware', 'code'];

/** One record of pino, a JSON line, as a line with its end. What is no record stays as it is. */
export function prettyLine(json: string, { color }: { readonly color: boolean }): string {
  const record = parse(json);
  if (record === undefined) return json;
  const paint = (style: Style, text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const level = LEVELS[Number(record['level'])];
  const isRequest = record['msg'] === 'request';
  const parts = [
    paint('dim', timeOf(record['time'])),
    ...(level === undefined ? [] : [paint(level.style, `${level.name}:`)]),
    ...(isRequest ? requestParts(record, paint) : [shown(record['msg'])]),
    ...Object.entries(record)
      .filter(([key, value]) => !PLACED.has(key) && !(isRequest && PLAIN.includes(key)) && stackOf(value) === '')
      .map(([key, value]) => `${paint('dim', `${shown(key)}=`)}${shown(value)}`),
  ];
  return `${parts.join(' ')}\n${Object.values(record).map(stackOf).join('')}`;
}

function requestParts(record: Readonly<Record<string, unknown>>, paint: (style: Style, text: string) => string) {
  const status = Number(record['status']);
  const style = status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green';
  return [
    shown(record['method']),
    shown(record['path']),
    record['cut'] === true ? paint('yellow', `${status} cut off`) : paint(style, String(status)),
    `${shown(record['ms'])} ms`,
    // A device says who it is; of everybody else the address does.
    ...(record['device'] === undefined ? [paint('dim', shown(record['ip']))] : []),
    ...PLAIN.flatMap((key) => (record[key] === undefined ? [] : [shown(record[key])])),
  ];
}

function parse(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

/** `14:03:59`, where the server is. */
function timeOf(time: unknown): string {
  return new Date(typeof time === 'string' ? time : Number(time)).toTimeString().slice(0, 8);
}

/** Control characters come out as JSON writes them: a device chooses some of these texts. */
function shown(value: unknown): string {
  if (typeof value === 'string' && !/["\\\p{Cc}\u2028-\u202E\u2066-\u2069]/u.test(value)) return value;
  return escapeUnseen(JSON.stringify(value) ?? '');
}

function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('stack' in error)) return '';
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  const text = String(error.stack).replaceAll(/[\u0000-\u0008\u000B-\u001F]/g, '\uFFFD');
  return `${escapeUnseen(text).replaceAll(/^/gm, '    ')}\n`;
}
