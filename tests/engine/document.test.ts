// The tables in docs/rollout.md are those of the rules, of the gate and of the outcomes.
// `OTTER_UPDATE_DOCS=1 npx vitest run tests/engine/document.test.ts` writes them anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OUTCOME_TABLE } from '#engine/outcome/outcome.ts';
import { CONDITIONS } from '#engine/stage/gate.ts';
import { RULES } from '#engine/decision/rules.ts';

const PAGE = new URL('../../docs/rollout.md', import.meta.url);

const TABLES = [
  {
    what: 'rules',
    place: /(<!-- rules: .* -->\n\n)([\s\S]*?)(\n?<!-- end of rules -->)/,
    head: ['#', 'reason', 'when', 'outcome'],
    rows: RULES.map(({ id, when, outcome }, index) => [String(index + 1), `\`${id}\``, when, outcome]),
  },
  {
    what: 'conditions of the gate',
    place: /(<!-- gate: .* -->\n\n)([\s\S]*?)(\n?<!-- end of gate -->)/,
    head: ['#', 'condition', 'when', 'then'],
    rows: CONDITIONS.map(({ id, when, state }, index) => [String(index + 1), `\`${id}\``, when, state]),
  },
  {
    what: 'outcomes of a board',
    place: /(<!-- outcomes: .* -->\n\n)([\s\S]*?)(\n?<!-- end of outcomes -->)/,
    head: ['#', 'outcome', 'when'],
    rows: OUTCOME_TABLE.map(({ id, when }, index) => [String(index + 1), `\`${id}\``, when]),
  },
];

test.each(TABLES)('the documented $what are those of the code, in their order', ({ place, head, rows }) => {
  const page = readFileSync(PAGE, 'utf8');
  const table = format([head, ...rows]);
  if (process.env['OTTER_UPDATE_DOCS'] === '1') {
    writeFileSync(
      PAGE,
      page.replace(place, (_, start: string, __, end: string) => `${start}${table}\n${end.trimStart()}`),
    );
    return;
  }
  expect(place.exec(page)?.[2]).toBe(table);
});

function format(cells: readonly (readonly string[])[]): string {
  const widths = (cells[0] ?? []).map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = cells;
  return `${[line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')}\n`;
}
