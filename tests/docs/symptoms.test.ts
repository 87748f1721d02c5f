// docs/my-board-does-not-update.md has a row for everything that a board can say, and for every reason of the server.

import { expect, test } from 'vitest';
import { RULES } from '#engine/decision/rules.ts';
import { DEVICE_ERRORS } from '#protocol/device/errors.ts';
import { readDocument } from './markdown.ts';

const page = readDocument('docs/my-board-does-not-update.md');
const named = new Set([...page.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name));

test('every error of a board has its row', () => {
  expect(DEVICE_ERRORS.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
});

test('every reason to hold has its row', () => {
  const held = RULES.filter(({ outcome }) => outcome === 'hold').map(({ id }) => id);
  expect(held.length).toBeGreaterThan(15);
  expect(held.filter((id) => !named.has(id))).toEqual([]);
});
