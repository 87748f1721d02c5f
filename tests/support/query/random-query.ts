// Queries as nobody would type them, and that mean something for the boards of `tests/server/fleet/queries.test.ts`.

import type { Random } from '#simulator/random.ts';

const ORDERED = [
  '1.0.0',
  '1.3.9',
  '1.4.0-rc1',
  '1.4.0',
  'v1.4.0+build.7',
  '1.4.0-2-g0296947',
  '1.10.0',
  '2.0.0',
] as const;
export const VERSIONS = [...ORDERED, 'build-77', '1.4'] as const;
export const LABELS = ['lab', 'pilot', 'site-a'] as const;
export const CHIPS = ['esp32', 'esp32c3', 'esp32s3'] as const;
export const LIBRARIES = ['OtterOTA 0.3.0', 'OtterOTA 0.2.1', 'mine'] as const;
export const RELEASE_KEYS = ['2f9899b0cb350685', '00000000000000aa'] as const;

const ORDERS = ['=', '!=', '<', '<=', '>', '>='] as const;
const SPANS = ['1s', '10m', '2h', '1d', '3d', '2w'] as const;

export function drawQuery(random: Random, depth = 3): string {
  const part = (): string => drawQuery(random, depth - 1);
  const kind = depth === 0 ? 0 : random.integer(6);
  if (kind === 1) return `${part()} and ${part()}`;
  if (kind === 2) return `(${part()} or ${part()} or ${part()})`;
  if (kind === 3) return `not (${part()})`;
  if (kind === 4) return `${part()} ${part()}`;
  if (kind === 5) return `not ${drawCondition(random)}`;
  return drawCondition(random);
}

function drawCondition(random: Random): string {
  const same = random.pick(['=', '!=', ':'] as const);
  return random.pick<() => string>([
    () => `chip ${same} ${random.pick(CHIPS)}`,
    () => `label ${random.pick(LABELS)}`,
    () => `label != ${random.pick(LABELS)}`,
    () => `library ${same} "${random.pick(LIBRARIES)}"`,
    () => `library ${same} ${random.pick(['otter*', 'm*', '*'] as const)}`,
    () => `version ${random.pick(ORDERS)} ${random.pick(ORDERED)}`,
    () => `version ${random.pick(['<', '>='] as const)} ${random.pick(['1', '1.4', '2'] as const)}`,
    () => `version ${random.pick(['=', '!='] as const)} ${random.pick(['build-77', '"1.4"'] as const)}`,
    () => `chip_revision ${random.pick(ORDERS)} ${random.pick([3, 100, 301] as const)}`,
    () => `release_key ${same} ${random.pick(RELEASE_KEYS)}`,
    () => `status ${same} ${random.pick(['ok', 'updating', 'silent', 'failed'] as const)}`,
    () => random.pick(['silent', 'overdue', 'flapping', 'held', 'test'] as const),
    () => `${random.pick(['', 'first '] as const)}seen within ${random.pick(SPANS)}`,
    () => `${random.pick(['', 'first '] as const)}seen ${random.pick(['before', 'after'] as const)} 2026-11-29`,
    () => `mac = ${random.pick(['24', '24:6f:00:0', 'aa'] as const)}`,
    () => `name ${same} ${random.pick(['"Würfel 1"', 'wür*', '*', 'Sensor-1*'] as const)}`,
    () => `id = dev-${random.integer(40) + 1}`,
    () => `address = ${random.pick(['127.0.0.1', '127.*', '10.*', '::*'] as const)}`,
    () => `known bad ${random.pick(['1.4.0', '1.10.0'] as const)}`,
    () => `product ${same} ${random.pick(['product-1', 'product-2', 'prod*'] as const)}`,
  ])();
}
