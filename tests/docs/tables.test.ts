// The tables of docs/device-protocol.md, docs/events.md and docs/querying.md are the tables of the code. `OTTER_UPDATE_DOCS=1 npx vitest run
// tests/docs/tables.test.ts` writes them anew.

import { expect, test } from 'vitest';
import { asCommandError } from '#cli/exit-code.ts';
import { DEVICE_ERRORS } from '#protocol/device/errors.ts';
import { type ErrorCode, HTTP_STATUS, OtterError } from '#protocol/errors.ts';
import { EVENT_TYPES } from '#protocol/admin/events.ts';
import { QUERY_FIELDS } from '#protocol/query/conditions.ts';
import { documented, table } from './written-table.ts';

const PROTOCOL_PAGE = 'docs/device-protocol.md';
const EVENTS_PAGE = 'docs/events.md';
const QUERY_PAGE = 'docs/querying.md';

test('the documented device errors are those of the table that boards and server share', () => {
  const rows = DEVICE_ERRORS.map(({ number, name, text, retryable, fault, weight }) => [
    String(number),
    `\`${name}\``,
    text,
    retryable ? 'yes' : 'no',
    fault,
    weight.replace('_', ' '),
  ]);
  const expected = table([['#', 'name', 'what it means', 'try again', 'fault', 'weight'], ...rows]);
  expect(documented(PROTOCOL_PAGE, 'device errors', expected)).toBe(expected);
});

test('the documented error codes are those of the API, with status and exit code', () => {
  const codes = Object.keys(HTTP_STATUS).filter(isCode).filter(isOnTheWire);
  const rows = codes.map((code) => [`\`${code}\``, String(HTTP_STATUS[code]), String(exitCodeOf(code))]);
  const expected = table([['code', 'status', 'exit code'], ...rows]);
  expect(documented(PROTOCOL_PAGE, 'error codes', expected)).toBe(expected);
});

test('the documented event types are those of the wire', () => {
  const rows = Object.entries(EVENT_TYPES).map(([type, text]) => [`\`${type}\``, text]);
  const expected = table([['type', 'what happened'], ...rows]);
  expect(documented(EVENTS_PAGE, 'event types', expected)).toBe(expected);
});

test('the documented fields of a query are those that the parser knows', () => {
  const rows = QUERY_FIELDS.map(({ written, means }) => [`\`${written}\``, means]);
  const expected = table([['condition', 'true of a device where'], ...rows]);
  expect(documented(QUERY_PAGE, 'query fields', expected)).toBe(expected);
});

function exitCodeOf(code: ErrorCode): number {
  return asCommandError(new OtterError(code, 'message', 'hint')).exitCode;
}

/** Refusals to start, to back up and to restore are said on the terminal, never sent. */
function isOnTheWire(code: ErrorCode): boolean {
  return !/^(config_invalid|start_refused|backup_.*|passphrase_wrong|home_.*)$/.test(code);
}

function isCode(name: string): name is ErrorCode {
  return Object.hasOwn(HTTP_STATUS, name);
}
