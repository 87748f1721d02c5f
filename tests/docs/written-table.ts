// Tables of documents that are written from the code: `OTTER_UPDATE_DOCS=1` writes them anew.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDocument, ROOT } from './markdown.ts';

/** What stands between the two comments of that name; `update` takes its place first where that is asked for. */
export function documented(page: string, name: string, update: string): string {
  const place = new RegExp(`(<!-- ${name}: .* -->\\n\\n)([\\s\\S]*?)(\\n?<!-- end of ${name} -->)`);
  if (process.env['OTTER_UPDATE_DOCS'] === '1') {
    const updated = readDocument(page).replace(place, (_, start: string, __, end: string) => start + update + end);
    writeFileSync(join(ROOT, page), updated);
  }
  return place.exec(readDocument(page))?.[2] ?? `${page} has no place for the ${name}`;
}

/** As prettier aligns it. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return `${[head, widths.map((width) => '-'.repeat(width)), ...body].map(line).join('\n')}\n`;
}
