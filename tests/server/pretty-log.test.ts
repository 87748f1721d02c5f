// The log for people: one line for each record.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { prettyLine } from '#server/pretty-log.ts';

const TIME = '2026-11-30T13:03:59.120Z';
const before = process.env['TZ'];
beforeEach(() => {
  process.env['TZ'] = 'Europe/Berlin';
});
afterEach(() => {
  if (before === undefined) delete process.env['TZ'];
  else process.env['TZ'] = before;
});

const line = (record: object, color = false): string =>
  prettyLine(`${JSON.stringify({ level: 30, time: TIME, ...record })}\n`, { color });
const REQUEST = {
  msg: 'request',
  request_id: 'a-1',
  method: 'POST',
  path: '/api/v1/check-update',
  status: 200,
  ms: 1.2,
  ip: '192.168.1.20',
};

test('a check-in says who asked, what was decided and why, in local time', () => {
  const outcome = { device: '24:6f:28:aa:bb:cc', decision: 'hold', reason: 'up_to_date' };
  expect(line({ ...REQUEST, ...outcome })).toBe(
    '14:03:59 POST /api/v1/check-update 200 1.2 ms 24:6f:28:aa:bb:cc hold up_to_date\n',
  );
});

test('a request of somebody else says from where it came', () => {
  expect(line({ ...REQUEST, method: 'GET', path: '/api/v1/admin/status', action: 'getStatus' })).toBe(
    '14:03:59 GET /api/v1/admin/status 200 1.2 ms 192.168.1.20 getStatus\n',
  );
});

test('one that was cut off, or has warnings, says so on its line', () => {
  expect(line({ ...REQUEST, level: 40, cut: true, warnings: ['a "b"'] })).toBe(
    '14:03:59 warning: POST /api/v1/check-update 200 cut off 1.2 ms 192.168.1.20 warnings=["a \\"b\\""]\n',
  );
});

test('every other record says its message and its values', () => {
  expect(line({ msg: 'listening', url: 'https://localhost:8443', home: '/srv/my otter' })).toBe(
    '14:03:59 listening url=https://localhost:8443 home=/srv/my otter\n',
  );
});

test('an error has its stack below', () => {
  const text = line({ level: 50, msg: 'failed', err: { type: 'Error', message: 'no', stack: 'Error: no\n  at x' } });
  expect(text).toBe('14:03:59 error: failed\n    Error: no\n      at x\n');
});

test('what a device says cannot move the cursor or begin a line', () => {
  const text = line({ ...REQUEST, path: '/a\u001B[2J\nb', device: 'x\r\u0007' });
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  expect(text.trimEnd()).not.toMatch(/[\u0000-\u001F]/);
});

// oxlint-disable no-control-regex -- colours are control characters
test('the status is coloured by what it means', () => {
  const colorOf = (status: number): string => /\u001B\[(\d+)m\d{3}/.exec(line({ ...REQUEST, status }, true))?.[1] ?? '';
  expect([200, 404, 503].map(colorOf)).toEqual(['32', '33', '31']);
});

test('what is no record stays as it is', () => {
  expect(prettyLine('not JSON\n', { color: false })).toBe('not JSON\n');
});
