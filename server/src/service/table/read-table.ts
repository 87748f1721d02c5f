// Reads a CSV file of devices as spreadsheets write it (RFC 4180): UTF-8 with or without byte order mark, commas, semicolons or tabs, any
// end of line, quotes. Every line is judged, and each fault says its line. It asks no database.

import { Readable } from 'node:stream';
import { setImmediate as breathe } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { TABLE_COLUMNS, type TableColumn } from '#protocol/admin/fleet/device-table.ts';
import { OtterError } from '#protocol/errors.ts';
import { givenNameFault, givenNameKey, readMac } from '#protocol/identity.ts';
import { MAX_DEVICE_LABELS, MAX_NOTE_CHARS, MAX_TABLE_BYTES, TABLE_LINES_AT_ONCE } from '#protocol/limits.ts';
import { GENERAL_LABEL, LABEL_PATTERN } from '#protocol/words.ts';

/** So much of the text is parsed at a time: about a millisecond. */
const SLICE_CHARS = 65_536;
/** A note, with everything that quotes and other cells may add. */
const MAX_RECORD_CHARS = 16_384;

export interface TableFault {
  readonly line: number;
  readonly text: string;
}

/** What a line says; a member that is undefined: its column is not there, and what the device has stays. */
export interface TableLine {
  readonly line: number;
  readonly mac: string;
  /** Null: none. */
  readonly name: string | null | undefined;
  readonly labels: readonly string[] | undefined;
  readonly note: string | null | undefined;
}

export interface ReadTable {
  readonly lines: readonly TableLine[];
  readonly faults: readonly TableFault[];
}

/** Throws `table_invalid` where it is no table at all, `body_too_large`. */
export async function readTable(source: AsyncIterable<Uint8Array>): Promise<ReadTable> {
  const text = await readText(source);
  const faults: TableFault[] = [];
  const lines: TableLine[] = [];
  let columns: readonly TableColumn[] | undefined;
  const seen = { mac: new Map<string, number>(), name: new Map<string, number>() };
  try {
    for await (const { line, cells } of recordsOf(text)) {
      // The parser asks for more at once: others have their turn in between.
      if (lines.length % TABLE_LINES_AT_ONCE === 0) await breathe();
      if (columns === undefined) {
        columns = readColumns(cells);
        continue;
      }
      const said = readLine(line, columns, cells);
      faults.push(...said.faults);
      if (said.read === undefined) continue;
      faults.push(...repeats(said.read, seen));
      lines.push(said.read);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    faults.push({ line: lineOf(error), text: reasonOf(error) });
  }
  if (columns === undefined && faults.length === 0) throw invalid('it is empty', 'its first line names the columns');
  return { lines, faults };
}

async function readText(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_TABLE_BYTES)
      throw new OtterError('body_too_large', `the table has more than ${MAX_TABLE_BYTES} bytes`, 'send it in parts');
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw invalid('it is not UTF-8', 'save it as "CSV UTF-8" in the spreadsheet');
  }
}

async function* recordsOf(text: string): AsyncGenerator<{ readonly line: number; readonly cells: readonly string[] }> {
  const parser = Readable.from(slicesOf(text)).pipe(
    parse({
      delimiter: delimiterOf(text),
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: MAX_RECORD_CHARS,
    }),
  );
  for await (const found of parser) {
    const { record, info }: { readonly record: readonly string[]; readonly info: { readonly lines: number } } = found;
    // `lines` is where the record ends.
    const more = record.reduce((sum, cell) => sum + (cell.match(/\r\n|\n|\r/g)?.length ?? 0), 0);
    if (record.some((cell) => cell.trim() !== '')) yield { line: info.lines - more, cells: record };
  }
}

function* slicesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; start += SLICE_CHARS) yield text.slice(start, start + SLICE_CHARS);
}

/** What stands between the names of the columns, which have none of these inside. */
function delimiterOf(text: string): string {
  const [head = ''] = text.split(/[\r\n]/, 1);
  return [';', '\t'].find((delimiter) => head.includes(delimiter)) ?? ',';
}

/** Throws `table_invalid`: without them no line says anything. */
function readColumns(cells: readonly string[]): readonly TableColumn[] {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  const columns = names.map((name) => {
    const column = TABLE_COLUMNS.find((one) => one === name);
    if (column !== undefined) return column;
    throw invalid(
      `line 1: there is no column ${JSON.stringify(name.slice(0, 40))}`,
      `the columns are ${TABLE_COLUMNS.join(', ')}`,
    );
  });
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`line 1: column ${twice} is there twice`, 'take one of them out');
  if (!columns.includes('mac')) throw invalid('line 1: there is no column mac', 'it says which device a line is about');
  return columns;
}

interface JudgedLine {
  readonly read: TableLine | undefined;
  readonly faults: readonly TableFault[];
}

function readLine(line: number, columns: readonly TableColumn[], cells: readonly string[]): JudgedLine {
  if (cells.length > columns.length)
    return { read: undefined, faults: [{ line, text: `it has ${cells.length} cells for ${columns.length} columns` }] };
  const said = new Map(columns.map((column, index) => [column, withoutApostrophe(cells[index] ?? '').trim()]));
  const mac = readMac(said.get('mac') ?? '');
  const name = said.get('name')?.normalize('NFC').replaceAll(/ +/g, ' ');
  const labels = said
    .get('labels')
    ?.split(/\s+/)
    .filter((label) => label !== '');
  const note = said.get('note')?.replaceAll(/\r\n?/g, '\n');
  const faults = [
    ...(mac === undefined ? [`mac: ${shortened(said.get('mac') ?? '')} is no MAC address`] : []),
    ...faultsOfName(name),
    ...faultsOfLabels(labels),
    ...faultsOfNote(note),
  ];
  if (mac === undefined || faults.length > 0)
    return { read: undefined, faults: faults.map((text) => ({ line, text })) };
  const orNull = (text: string | undefined) => (text === '' ? null : text);
  const read = { line, mac, name: orNull(name), labels: labels && [...new Set(labels)].toSorted(), note: orNull(note) };
  return { read, faults: [] };
}

/** An export puts it before what a spreadsheet would calculate. */
function withoutApostrophe(cell: string): string {
  return /^'[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/.test(cell) ? cell.slice(1) : cell;
}

function faultsOfName(name: string | undefined): readonly string[] {
  const fault = name === undefined || name === '' ? undefined : givenNameFault(name);
  return fault === undefined ? [] : [`name ${shortened(name ?? '')}: ${fault}`];
}

function faultsOfLabels(labels: readonly string[] | undefined): readonly string[] {
  if (labels === undefined) return [];
  const pattern = new RegExp(LABEL_PATTERN);
  const bad = labels.filter((label) => !pattern.test(label));
  return [
    ...bad.map((label) => `labels: ${shortened(label)} is no name of a label; put blanks between labels`),
    ...(labels.includes(GENERAL_LABEL)
      ? [`labels: ${GENERAL_LABEL} means every device and is never added to one`]
      : []),
    ...(labels.length > MAX_DEVICE_LABELS ? [`labels: ${labels.length}, and ${MAX_DEVICE_LABELS} are the most`] : []),
  ];
}

function faultsOfNote(note: string | undefined): readonly string[] {
  if (note === undefined) return [];
  // oxlint-disable-next-line no-control-regex -- that is what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(note)) return ['note: it has control characters'];
  const { length } = Array.from(note);
  return length > MAX_NOTE_CHARS ? [`note: it has ${length} characters, and ${MAX_NOTE_CHARS} are the most`] : [];
}

/** The second one of a device, or of a name, is a fault. */
function repeats(
  { line, mac, name }: TableLine,
  seen: { readonly mac: Map<string, number>; readonly name: Map<string, number> },
): readonly TableFault[] {
  const key = typeof name === 'string' ? givenNameKey(name) : undefined;
  const [sameMac, sameName] = [seen.mac.get(mac), key === undefined ? undefined : seen.name.get(key)];
  seen.mac.set(mac, sameMac ?? line);
  if (key !== undefined) seen.name.set(key, sameName ?? line);
  return [
    ...(sameMac === undefined ? [] : [{ line, text: `mac: ${mac} is in line ${sameMac} already` }]),
    ...(sameName === undefined ? [] : [{ line, text: `name: ${name} is in line ${sameName} already` }]),
  ];
}

function lineOf(error: CsvError): number {
  return 'lines' in error && typeof error.lines === 'number' ? error.lines : 1;
}

function reasonOf({ code, message }: CsvError): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a quote is opened and never closed';
  if (code === 'CSV_MAX_RECORD_SIZE') return `it is longer than ${MAX_RECORD_CHARS} characters: is a quote not closed?`;
  return `it cannot be read: ${message}`;
}

function shortened(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

function invalid(what: string, hint: string): OtterError {
  return new OtterError('table_invalid', `this is no table of devices: ${what}`, hint);
}
