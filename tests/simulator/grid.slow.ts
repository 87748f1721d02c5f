// The whole grid of simulated rollouts, 2660 runs of 1000 devices, with its tables in docs/rollout.md and docs/simulation.md. A minute or two:
// `npm run test:nightly`, or `npx vitest run --config tests/simulator/grid.config.ts`. With OTTER_UPDATE_DOCS=1 it writes
// the tables anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Cell, expectProtected, letterOf, runCell } from './grid.ts';

const pageOf = (name: string): URL => new URL(`../../docs/${name}.md`, import.meta.url);
const FAILURES = Array.from({ length: 21 }, (_, index) => index * 5);
const SILENCES = [0, 10, 20, 30, 40, 50];
const SEEDS = 10;
const RARE = [0, 0.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50];
const SEEDS_OF_RARE = 100;
const LETTERS = ['P', 'F', 'S', 'E', 'C', 'W'];

test('the grid holds what it promises, and is what the page shows', () => {
  const rows = FAILURES.map((failPct) =>
    [`${failPct} %`].concat(SILENCES.map((silentPct) => cellOf({ failPct, silentPct }))),
  );
  expectDocumented('rollout', 'grid', table([['fails', ...SILENCES.map((pct) => `${pct} % silent`)], ...rows]));
});

test('how often a build gets how far is what the page shows', () => {
  const rows = RARE.map((failPct) => {
    const runs = runAll({ failPct, silentPct: 0 }, SEEDS_OF_RARE);
    const counts = LETTERS.slice(0, 5).map((letter) => runs.filter((run) => run.letter === letter).length);
    const hurt = runs.map((run) => run.hurt).toSorted((left, right) => left - right);
    return [`${failPct} %`].concat(counts.map(String), String(hurt[SEEDS_OF_RARE / 2]), String(hurt.at(-1)));
  });
  const head = ['fails', 'pilot', 'few', 'some', 'everyone', 'complete', 'hurt, median', 'hurt, most'];
  expectDocumented('simulation', 'chances', table([head, ...rows]));
});

/** `P8 F2, 4`: in 8 of 10 runs halted in the pilot, in 2 in `few`; at most 4 devices were hurt. */
function cellOf(cell: Cell): string {
  const runs = runAll(cell, SEEDS);
  const letters = LETTERS.flatMap((letter) => {
    const count = runs.filter((run) => run.letter === letter).length;
    return count === 0 ? [] : [`${letter}${count}`];
  });
  return `${letters.join(' ')}, ${Math.max(...runs.map(({ hurt }) => hurt))}`;
}

function runAll(cell: Cell, seeds: number): readonly { readonly letter: string; readonly hurt: number }[] {
  return Array.from({ length: seeds }, (_, index) => {
    const result = runCell(cell, index + 1);
    expectProtected(cell, result);
    return { letter: letterOf(result), hurt: result.hurt };
  });
}

function expectDocumented(document: string, name: string, expected: string): void {
  const file = pageOf(document);
  const place = new RegExp(`(<!-- ${name}: .* -->\\n\\n)([\\s\\S]*?)(\\n?<!-- end of ${name} -->)`);
  if (process.env['OTTER_UPDATE_DOCS'] === '1') {
    const page = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      page.replace(place, (_, start: string, __, end: string) => `${start}${expected}\n${end.trimStart()}`),
    );
  }
  expect(place.exec(readFileSync(file, 'utf8'))?.[2]).toBe(expected);
}

/** As prettier aligns it. */
function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return `${[head, widths.map((width) => '-'.repeat(width)), ...body].map(line).join('\n')}\n`;
}
