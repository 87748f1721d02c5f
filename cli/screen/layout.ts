// Text that fits a number of columns and breaks no word. A table whose columns have room is a table; one that would be torn to
// shreds becomes a list of facts for each row. It writes nothing, and knows colours only as what takes no room.

const GAP = 2;
/** A cell of more lines reads worse than a list. */
const MOST_LINES = 4;
const INDENT = '  ';

type Row = readonly string[];

/** Columns without borders; a column without any text is left out. */
export function layOutTable(head: Row, rows: readonly Row[], columns: number): string {
  const kept = head.map((_, column) => rows.some((row) => (row[column] ?? '') !== ''));
  const pick = (cells: Row): Row => head.flatMap((_, column) => (kept[column] === true ? [cells[column] ?? ''] : []));
  const [titles, cells] = [pick(head), rows.map(pick)];
  const widths = fit(titles, cells, columns);
  if (widths === undefined) return cells.map((row) => layOutFacts(titles, row, columns)).join('\n\n');
  return [titles, ...cells].map((row) => layOutRow(row, widths)).join('\n');
}

/** `title   value` lines; what has no value is left out, what has no title stands before the value that follows. */
export function layOutFacts(titles: Row, values: Row, columns: number): string {
  let before = '';
  const shown = titles.flatMap((title, index) => {
    const value = values[index] ?? '';
    if (title === '' && index < titles.length - 1) {
      before = value === '' ? '' : `${value} `;
      return [];
    }
    const whole = before + value;
    before = '';
    return whole === '' ? [] : [{ title, value: whole }];
  });
  const width = Math.max(0, ...shown.map(({ title }) => widthOf(title))) + GAP;
  const indent = `\n${' '.repeat(width)}`;
  return shown
    .map(({ title, value }) => {
      const lines = value.split('\n').flatMap((line) => wrapWords(line, columns - width));
      return pad(title, width) + lines.join(indent);
    })
    .join('\n');
}

/** Every line that is too long goes on below, a little further in. */
export function wrapLines(text: string, columns: number): string {
  if (columns === Number.POSITIVE_INFINITY) return text;
  return text
    .split('\n')
    .flatMap((line) => {
      if (widthOf(line) <= columns) return [line];
      const own = /^ */.exec(line)?.[0] ?? '';
      const indent = own + INDENT;
      const [first = '', ...rest] = wrapWords(line.slice(own.length), columns - indent.length);
      return [own + first].concat(rest.map((more) => indent + more));
    })
    .join('\n');
}

/** Columns that a text takes: colours and accents take none, letters of East Asia and emoji two. */
export function widthOf(text: string): number {
  const plain = text.replaceAll(COLOR, '');
  // oxlint-disable-next-line no-control-regex -- most texts are ASCII
  if (/^[\u0000-\u007F]*$/.test(plain)) return plain.length;
  return Array.from(plain).reduce(
    (width, letter) => width + (NO_WIDTH.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1),
    0,
  );
}

// oxlint-disable-next-line no-control-regex -- colours are control characters
const COLOR = /\u001B\[\d{1,2}m/g;
const NO_WIDTH = /^(?:\p{M}|[\u200B-\u200F])$/u;
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303F\uFF01-\uFF60]$/u;

/** The width of each column; undefined where a table would not do. */
function fit(head: Row, rows: readonly Row[], columns: number): readonly number[] | undefined {
  const all = [head, ...rows];
  const measure = (widthOfCell: (cell: string) => number): number[] =>
    head.map((_, column) => Math.max(...all.map((row) => widthOfCell(row[column] ?? ''))));
  const wanted = measure((cell) => longest(cell.split('\n')));
  let free = columns - GAP * (head.length - 1);
  if (sum(wanted) <= free) return wanted;
  const widths = measure((cell) => longest(cell.split(/[ \n]|(?<=,)/)));
  free -= sum(widths);
  if (free < 0) return undefined;
  // Short columns get what they want first; what is long takes the rest and wraps.
  const lacks = (column: number): number => (wanted[column] ?? 0) - (widths[column] ?? 0);
  const byLack = head.map((_, column) => column).toSorted((left, right) => lacks(left) - lacks(right));
  for (const column of byLack) {
    const given = Math.min(lacks(column), free);
    widths[column] = (widths[column] ?? 0) + given;
    free -= given;
  }
  const lines = all.flatMap((row) => row.map((cell, column) => wrapCell(cell, widths[column] ?? 0).length));
  return Math.max(...lines) > MOST_LINES ? undefined : widths;
}

function layOutRow(row: Row, widths: readonly number[]): string {
  const cells = row.map((cell, column) => wrapCell(cell, widths[column] ?? 0));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, column) => pad(lines[line] ?? '', (widths[column] ?? 0) + GAP))
      .join('')
      .trimEnd(),
  ).join('\n');
}

function wrapCell(cell: string, width: number): readonly string[] {
  return cell.split('\n').flatMap((line) => wrapWords(line, width));
}

/**
 * Lines of at most so many columns, broken at spaces, and after a comma in a word that is longer. What is longer still stays where
 * it is: on a line to itself it would not fit either. A colour ends with its line and begins anew.
 */
function wrapWords(text: string, width: number): readonly string[] {
  if (widthOf(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  const words = text.match(/ *[^ ]+ */g) ?? [];
  const parts = words.flatMap((word) => (widthOf(word.trimEnd()) > width ? word.split(/(?<=,)/) : [word]));
  for (const part of parts) {
    const fits = widthOf((line + part).trimEnd()) <= width;
    if (line === '' || fits || widthOf(part.trimEnd()) > width) line += part;
    else {
      lines.push(line.trimEnd());
      line = part;
    }
  }
  return recolored([...lines, line.trimEnd()]);
}

function recolored(lines: readonly string[]): readonly string[] {
  let open = '';
  return lines.map((line) => {
    const whole = open + line;
    open = [...whole.matchAll(COLOR)].reduce((before, [code]) => (CLOSING.has(code) ? '' : before + code), '');
    return open === '' ? whole : `${whole}\u001B[0m`;
  });
}

const CLOSING: ReadonlySet<string> = new Set([0, 22, 23, 24, 27, 39, 49].map((code) => `\u001B[${code}m`));

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map(widthOf));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
