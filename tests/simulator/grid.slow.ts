// The whole grid of simulated rollouts with its tables in docs/simulation.md: half an hour of a quiet machine, at night
// (`npm run test:nightly`), or `npx vitest run --config tests/simulator/grid.config.ts`. With OTTER_UPDATE_DOCS=1 it writes the
// tables anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { SimulationResult } from '#simulator/simulation/result.ts';
import {
  type Cell,
  delaysOf,
  expectHolds,
  type Fleet,
  GRID_FLEET,
  GRID_KINDS,
  type GridKind,
  isWithinSoak,
  letterOf,
  opensSecondStage,
  type PlanName,
  runCell,
  SHARES_PCT,
} from './grid.ts';

const PAGE = new URL('../../docs/simulation.md', import.meta.url);
/** Where the grid makes a promise of one run in a hundred, and elsewhere. */
const SEEDS = { promise: 100, other: 10 } as const;
const PILOTS_10: Fleet = { devices: 1_000, pilots: 10 };
const BOARDS_20: Fleet = { devices: 20, pilots: 3 };
const FEW_DELAYS_MIN: ReadonlySet<number> = new Set([0, 30, 360]);

test.each(['careful', 'urgent'] as const)(
  '%s completes with a good build in every run, whatever the outage does',
  (plan) => {
    const runs = runAll({ plan, kind: undefined, sharePct: 0, delayMin: 0 }, SEEDS.promise);
    expect(count(runs, (run) => letterOf(run) === 'C')).toBe(runs.length);
    expectDocumented(
      `good ${plan}`,
      table([
        ['', 'runs'],
        [plan, summaryOf(runs)],
      ]),
    );
  },
);

test('careful is what the page shows, and opens no second stage where a fifth of the boards shows it in time', () => {
  expectDocumented('careful', gridOf('careful', GRID_KINDS, GRID_FLEET, delaysOf));
});

test('urgent is what the page shows', () => {
  expectDocumented('urgent', gridOf('urgent', GRID_KINDS, GRID_FLEET, delaysOf));
});

test('a plan that asks for health is what the page shows', () => {
  expectDocumented(
    'leaks',
    gridOf('watchful', ['leaks_heap'], GRID_FLEET, () => [30, 90, 360]),
  );
});

describe('without promises', () => {
  const fewOf = (kind: GridKind) => delaysOf(kind).filter((delayMin) => FEW_DELAYS_MIN.has(delayMin));

  test('ten pilots are what the page shows', () => {
    expectDocumented('ten pilots', gridOf('careful', GRID_KINDS, PILOTS_10, fewOf));
  });

  test.each(['careful', 'urgent'] as const)('%s with twenty boards is what the page shows', (plan) => {
    expectDocumented(`twenty boards, ${plan}`, gridOf(plan, GRID_KINDS, BOARDS_20, fewOf));
  });
});

function gridOf(
  plan: PlanName,
  kinds: readonly GridKind[],
  fleet: Fleet,
  delays: (kind: GridKind) => readonly number[],
): string {
  const rowOf = (kind: GridKind, delayMin: number): readonly string[] => {
    const cells = SHARES_PCT.map((sharePct) => cellOf({ plan, kind, sharePct, delayMin }, fleet));
    return [kind.replaceAll('_', ' '), delayMin === 0 ? '-' : `${delayMin} min`].concat(cells);
  };
  const rows = kinds.flatMap((kind) => delays(kind).map((delayMin) => rowOf(kind, delayMin)));
  return table([['the build', 'after', ...SHARES_PCT.map((pct) => `${pct} %`)], ...rows]);
}

function cellOf(cell: Cell, fleet: Fleet): string {
  const isPromised = cell.plan === 'careful' && fleet === GRID_FLEET && cell.sharePct >= 20 && isWithinSoak(cell);
  const runs = runAll(cell, isPromised ? SEEDS.promise : SEEDS.other, fleet);
  if (isPromised) expect(count(runs, opensSecondStage), JSON.stringify(cell)).toBeLessThanOrEqual(1);
  return summaryOf(runs);
}

function runAll(cell: Cell, seeds: number, fleet = GRID_FLEET): readonly SimulationResult[] {
  return Array.from({ length: seeds }, (_, index) => {
    const result = runCell(cell, index + 1, fleet);
    expectHolds(cell, result, fleet === PILOTS_10 ? 0.15 : undefined);
    return result;
  });
}

/** `P98 F2, 37, 8`: in 98 runs halted in the pilot, in 2 in `few`; exposed and affected boards, the median of the runs. */
function summaryOf(runs: readonly SimulationResult[]): string {
  const letters = ['P', 'F', 'S', 'E', 'R', 'C', 'W'].flatMap((letter) => {
    const found = count(runs, (run) => letterOf(run) === letter);
    return found === 0 ? [] : [`${letter}${found}`];
  });
  return `${letters.join(' ')}, ${median(runs.map(({ exposed }) => exposed))}, ${median(runs.map(({ affected }) => affected))}`;
}

function count(runs: readonly SimulationResult[], matches: (run: SimulationResult) => boolean): number {
  return runs.filter(matches).length;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

function expectDocumented(name: string, expected: string): void {
  const place = new RegExp(`(<!-- grid, ${name}: .* -->\\n\\n)([\\s\\S]*?)(\\n?<!-- end of grid -->)`);
  if (process.env['OTTER_UPDATE_DOCS'] === '1') {
    const page = readFileSync(PAGE, 'utf8');
    writeFileSync(
      PAGE,
      page.replace(place, (_, start: string, __, end: string) => `${start}${expected}\n${end.trimStart()}`),
    );
  }
  expect(place.exec(readFileSync(PAGE, 'utf8'))?.[2]).toBe(expected);
}

/** As prettier aligns it. */
function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return `${[head, widths.map((width) => '-'.repeat(width)), ...body].map(line).join('\n')}\n`;
}
