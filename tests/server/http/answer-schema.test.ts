// The check that every test's answers go through (support/answer-schema.ts): it must see what it is there for.

import { expect, test } from 'vitest';
import { checkAnswer } from '../../support/server/answer-schema.ts';

const DEVICE = {
  id: 'dev-1',
  mac: '24:6f:28:00:00:01',
  product: 'thermostat',
  ip: null,
  current_version: '1.0.0',
  chip: 'esp32',
  status: 'ok',
  labels: ['pilot'],
  first_seen_at: '2026-11-23T10:00:00.000Z',
  last_seen_at: '2026-11-23T10:00:00.000Z',
  attributes: { boot_reason: 'poweron' },
  notes: [],
  counted: 'auto',
  counted_reason: null,
  not_counted: null,
  hold: null,
  name: null,
  note: null,
  cancelled: null,
  offer_now: null,
  rollout: null,
  rhythm: { interval_s: 600, usual_gap_s: null, overdue: false, flapping: false },
};

const check = (device: object): void =>
  checkAnswer('GET', '/api/v1/admin/devices?limit=3', 200, { items: [device], next_cursor: null });

test('an answer that fits its schema, also behind a reference, passes', () => {
  expect(() => check(DEVICE)).not.toThrow();
});

test.each(Object.keys(DEVICE))('an answer without %s fails', (name) => {
  const without = Object.fromEntries(Object.entries(DEVICE).filter(([key]) => key !== name));
  expect(() => check(without)).toThrow(name);
});

test.each([
  ['of another type', { labels: [3] }, '/items/0/labels/0: must be string'],
  ['that is no value of its list', { status: 'well' }, '/items/0/status'],
  ['that is no MAC', { mac: '24-6f' }, '/items/0/mac'],
  ['that the schema does not name', { serial: '1' }, 'must not have additional properties'],
])('a member %s fails', (_, change, said) => {
  expect(() => check({ ...DEVICE, ...change })).toThrow(said);
});

test('an error without its envelope fails, and so does a success of another status', () => {
  expect(() => checkAnswer('GET', '/api/v1/admin/devices', 404, { message: 'no' })).toThrow('error');
  expect(() => checkAnswer('POST', '/api/v1/admin/labels', 204, {})).toThrow('204');
});
