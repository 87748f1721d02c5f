// The table in docs/rollout.md is the table of rules. `OTTER_UPDATE_DOCS=1 npx vitest run tests/rollout/document.test.ts`
// writes it anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RULES } from '#server/rollout/rules.ts';

const PAGE = new URL('../../docs/rollout.md', import.meta.url);
const TABLE = /(<!-- rules: .* -->\n\n)([\s\S]*?)(\n<!-- end of rules -->)/;

test('the documented rules are the rules, in their order', () => {
  const page = readFileSync(PAGE, 'utf8');
  if (process.env['OTTER_UPDATE_DOCS'] === '1') {
    writeFileSync(
      PAGE,
      page.replace(TABLE, (_, start: string, __, end: string) => start + table() + end),
    );
    return;
  }
  expect(TABLE.exec(page)?.[2]).toBe(table());
});

function table(): string {
  const rows = RULES.map(({ id, when, outcome }, index) => [String(index + 1), `\`${id}\``, when, outcome]);
  const cells = [['#', 'reason', 'when', 'outcome'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = cells;
  return `${[line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')}\n`;
}
