// The memory of verified blocks has a bound and keeps what was used last.

import { expect, test } from 'vitest';
import { BlockCache } from '#server/storage/block-cache.ts';

test('the least recently used blocks go when the bound is passed', () => {
  const cache = new BlockCache(10);
  cache.put('a', Buffer.alloc(4));
  cache.put('b', Buffer.alloc(4));
  expect(cache.get('a')).toHaveLength(4);
  cache.put('c', Buffer.alloc(4));
  expect([cache.get('a'), cache.get('b'), cache.get('c')].map((block) => block?.length)).toEqual([4, undefined, 4]);
  expect(cache.sizeBytes).toBe(8);
});

test('the bound holds over any number of blocks and a block put twice counts once', () => {
  const cache = new BlockCache(1_000);
  for (let index = 0; index < 500; index += 1) {
    cache.put(`block ${index % 30}`, Buffer.alloc((index * 7) % 200));
    expect(cache.sizeBytes).toBeLessThanOrEqual(1_000);
  }
  cache.put('same', Buffer.alloc(100));
  const before = cache.sizeBytes;
  cache.put('same', Buffer.alloc(100));
  expect(cache.sizeBytes).toBe(before);
});

test('a block larger than the bound is not kept', () => {
  const cache = new BlockCache(10);
  cache.put('large', Buffer.alloc(11));
  expect(cache.get('large')).toBeUndefined();
  expect(cache.sizeBytes).toBe(0);
});
