// The conditions of a query: a row for each field with what it takes. `:` means what `=` means.

import { DEVICE_STATUSES } from '#protocol/admin/states.ts';
import { canonicalChip } from '#protocol/device/chips.ts';
import { bareVersion, isOrdered, isVersion } from '#protocol/device/version.ts';
import { givenNameKey, readDeviceRef } from '#protocol/identity.ts';
import { MAX_REPORTED_VERSION_CHARS } from '#protocol/limits.ts';
import { findNearest } from '#protocol/nearest.ts';
import { KEY_ID_PATTERN, LABEL_PATTERN, NAME_PATTERN, REPORTED_VERSION_PATTERN } from '#protocol/words.ts';
import type { Condition, Order, Query, SeenField, TextField } from './query.ts';
import { JOINERS, type Piece, type Scanner, Unreadable } from './scanner.ts';

type Read = (scanner: Scanner) => Query;

interface Field {
  /** As it is written, for people. */
  readonly written: string;
  readonly means: string;
  readonly read: Read;
}

/** Every field once: the parser, `otter help query` and docs/querying.md have them from here. */
const FIELDS: Readonly<Record<string, Field>> = {
  mac: {
    written: 'mac = 24:6f:28',
    means: 'one of its MACs begins so',
    read: equal('the beginning of a MAC, such as 24:6f:28', (value) => ({ kind: 'mac', beginning: readMac(value) })),
  },
  name: {
    written: 'name = "sensor-2*"',
    means: 'the name that an operator gave it, in any case of letters; a star at the end: begins so',
    read: equal('the name of a device, such as sensor-2', (value) => readText('name', value)),
  },
  id: { written: 'id = dev-17', means: 'this one device', read: equal('an id, such as dev-17', readId) },
  product: {
    written: 'product = thermostat',
    means: 'its product; `thermo*`: begins so',
    read: equal('a product', (value) => readText('product', value)),
  },
  version: {
    written: 'version < 1.4',
    means: 'the version that it runs, in the order of SemVer; = != < <= > >=',
    read: ordered('a version, such as 1.4.0', (order, value) => ({
      kind: 'version',
      order,
      version: readVersion(order, value),
    })),
  },
  chip: {
    written: 'chip = esp32c3',
    means: 'the chip that it named last',
    read: equal('a chip, such as esp32c3', readChip),
  },
  chip_revision: {
    written: 'chip_revision >= 300',
    means: 'revision of its chip, major * 100 + minor; = != < <= > >=',
    read: ordered('a chip revision, such as 301', readRevision),
  },
  status: {
    written: 'status = trial',
    means: `what it is doing: ${DEVICE_STATUSES.join(', ')}`,
    read: equal(`a status (${DEVICE_STATUSES.join(', ')})`, readStatus),
  },
  label: {
    written: 'label pilot',
    means: 'has this label',
    read: equal('the name of a label', readLabel, { isBare: true }),
  },
  library: {
    written: 'library = "OtterOTA 0.3*"',
    means: 'the client library that it names, in any case of letters; a star at the end: begins so',
    read: equal('the name of a client library, such as "OtterOTA 0.3.0"', (value) => readText('library', value)),
  },
  address: {
    written: 'address = 192.168.1.*',
    means: 'the address that its last check-in came from; a star at the end: begins so',
    read: equal('an address, such as 192.168.1.20', (value) => readText('address', value)),
  },
  release_key: {
    written: 'release_key = 2f9899b0cb350685',
    means: 'it says that it knows this release key (`otter key list`)',
    read: equal('the id of a release key, 16 hex digits', readKeyId),
  },
  seen: {
    written: 'not seen for 7d',
    means: 'no check-in within this time: s, m, h, d, w; also `seen before 2026-11-30`, `seen after 2026-11-30T08:00Z`',
    read: (scanner) => readSeen(scanner, 'last'),
  },
  first_seen: {
    written: 'first seen within 2w',
    means: 'its first check-in; also `before` and `after`',
    read: (scanner) => readSeen(scanner, 'first'),
  },
  known_bad: {
    written: 'known bad 1.4.0',
    means: 'this version failed on it so that it is not offered there any more',
    read: readKnownBad,
  },
  silent: {
    written: 'silent',
    means: 'missed three checks by its own rhythm; the same as `status = silent`',
    read: () => ({ kind: 'status', status: 'silent' }),
  },
  overdue: {
    written: 'overdue',
    means: 'no check for one and a half times as long as it takes by its own rhythm; every silent device is',
    read: () => ({ kind: 'is', what: 'overdue' }),
  },
  flapping: {
    written: 'flapping',
    means: 'it comes and goes: of its last four checks two came three intervals late or more, and two in time',
    read: () => ({ kind: 'is', what: 'flapping' }),
  },
  held: { written: 'held', means: 'an operator holds it', read: () => ({ kind: 'is', what: 'held' }) },
  test: { written: 'test', means: 'it is a test board', read: () => ({ kind: 'is', what: 'test' }) },
};

/** For documents and help. */
export const QUERY_FIELDS: readonly Pick<Field, 'written' | 'means'>[] = [
  ...Object.values(FIELDS),
  { written: '@lab-c3', means: 'what the saved query of this name means' },
];

/** Two words that name one field. */
const SECOND_WORDS: Readonly<Record<string, string>> = { first: 'seen', known: 'bad' };

export function readCondition(scanner: Scanner): Query {
  const { at } = scanner;
  const found = scanner.found();
  if (scanner.takes(/@/y) !== undefined) return readSaved(scanner, at);
  const written = scanner.takes(/[A-Za-z_]\w*/y);
  if (written === undefined || JOINERS.has(written.toLowerCase()))
    throw new Unreadable(at, `expected a condition, such as chip = esp32c3, found ${found}`);
  const first = written.toLowerCase();
  const second = Object.hasOwn(SECOND_WORDS, first) ? SECOND_WORDS[first] : undefined;
  if (second !== undefined && scanner.takesWord(second) === undefined)
    throw new Unreadable(scanner.at, `expected "${second}" after "${written}", found ${scanner.found()}`);
  const name = second === undefined ? first : `${first}_${second}`;
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  if (field === undefined) {
    const names = Object.keys(FIELDS);
    const near = findNearest(name, names);
    const help = near === undefined ? `the fields are ${names.join(', ')}` : `did you mean ${near}?`;
    throw new Unreadable(at, `there is no field "${written}"; ${help}`);
  }
  return field.read(scanner);
}

/** `@` and a name, with nothing between. */
function readSaved(scanner: Scanner, at: number): Condition {
  const name = scanner.value('the name of a saved query').text;
  checkName('query', { text: name, at: at + 1 });
  return { kind: 'saved', name, position: scanner.positionOf(at) };
}

const OPERATORS = /!=|<=|>=|[=<>:]/y;

/** A field that is only compared for being the same. `isBare`: also without an operator, as in `label pilot`. */
function equal(
  wanted: string,
  read: (value: Piece) => Condition,
  { isBare = false }: { readonly isBare?: boolean } = {},
): Read {
  return (scanner) => {
    const { at } = scanner;
    const operator = scanner.takes(OPERATORS);
    if (operator === undefined && !isBare)
      throw new Unreadable(at, `expected =, != or : and ${wanted}, found ${scanner.found()}`);
    if (operator !== undefined && /[<>]/.test(operator))
      throw new Unreadable(at, `expected = or !=: only versions and chip revisions have an order, found ${operator}`);
    const condition = read(scanner.value(wanted));
    return operator === '!=' ? { kind: 'not', part: condition } : condition;
  };
}

function ordered(wanted: string, read: (order: Order, value: Piece) => Condition): Read {
  return (scanner) => {
    const { at } = scanner;
    const operator = scanner.takes(OPERATORS);
    if (operator === undefined)
      throw new Unreadable(at, `expected =, !=, <, <=, > or >= and ${wanted}, found ${scanner.found()}`);
    const condition = read(orderOf(operator), scanner.value(wanted));
    return operator === '!=' ? { kind: 'not', part: condition } : condition;
  };
}

function orderOf(operator: string): Order {
  return operator === '<' || operator === '<=' || operator === '>' || operator === '>=' ? operator : '=';
}

function readMac({ text, at }: Piece): string {
  const digits = text.toLowerCase().replaceAll(/[:-]/g, '').replace(/\*$/, '');
  if (!/^[0-9a-f]{1,12}$/.test(digits))
    throw new Unreadable(at, `expected the beginning of a MAC, such as 24:6f:28, found ${JSON.stringify(text)}`);
  return digits.replaceAll(/(..)(?=.)/g, '$1:');
}

function readId({ text, at }: Piece): Condition {
  const id = readDeviceRef(text);
  if (typeof id !== 'number') throw new Unreadable(at, `expected an id, such as dev-17, found ${JSON.stringify(text)}`);
  return { kind: 'id', id };
}

const PRINTABLE = /^[\x20-\x7e]+$/;

function readText(field: 'name' | 'product' | 'library' | 'address', { text, at }: Piece): Condition {
  const isBeginning = text.endsWith('*');
  const value = isBeginning ? text.slice(0, -1) : text;
  if (field === 'product' && !isBeginning) checkName('product', { text, at });
  if (field !== 'name' && !PRINTABLE.test(value) && value !== '')
    throw new Unreadable(at, `${field} has only letters of ASCII`);
  return { kind: 'text', field, value: valueOf(field, value), isBeginning };
}

function valueOf(field: TextField, value: string): string {
  if (field === 'name') return givenNameKey(value);
  return field === 'product' ? value : value.toLowerCase();
}

function readChip({ text, at }: Piece): Condition {
  const chip = canonicalChip(text);
  if (chip === undefined || !chip.startsWith('esp'))
    throw new Unreadable(at, `expected a chip, such as esp32c3, found ${JSON.stringify(text)}`);
  return { kind: 'text', field: 'chip', value: chip, isBeginning: false };
}

function readLabel({ text, at }: Piece): Condition {
  checkName('label', { text, at }, LABEL_PATTERN);
  return { kind: 'label', name: text };
}

function checkName(what: string, { text, at }: Pick<Piece, 'text' | 'at'>, pattern = NAME_PATTERN): void {
  if (!new RegExp(pattern).test(text))
    throw new Unreadable(
      at,
      `${JSON.stringify(text)} cannot be the name of a ${what}: lower-case letters, digits, dot, dash, underscore`,
    );
}

function readStatus({ text, at }: Piece): Condition {
  const status = DEVICE_STATUSES.find((one) => one === text.toLowerCase());
  if (status === undefined)
    throw new Unreadable(at, `expected a status (${DEVICE_STATUSES.join(', ')}), found ${JSON.stringify(text)}`);
  return { kind: 'status', status };
}

function readKeyId({ text, at }: Piece): Condition {
  const keyId = text.toLowerCase();
  if (!new RegExp(KEY_ID_PATTERN).test(keyId))
    throw new Unreadable(at, `expected the id of a release key, 16 hex digits, found ${JSON.stringify(text)}`);
  return { kind: 'release_key', keyId };
}

function readRevision(order: Order, { text, at }: Piece): Condition {
  if (!/^\d{1,5}$/.test(text))
    throw new Unreadable(
      at,
      `expected a chip revision, major * 100 + minor: 301 for v3.1, found ${JSON.stringify(text)}`,
    );
  return { kind: 'chip_revision', order, revision: Number(text) };
}

/** `1.4` is the place of 1.4.0 in the order. What is the same as `1.4` nobody could say: any 1.4, or the first of them. */
function readVersion(order: Order, { text, at, isQuoted }: Piece): string {
  if (text.length > MAX_REPORTED_VERSION_CHARS || !new RegExp(REPORTED_VERSION_PATTERN).test(text))
    throw new Unreadable(at, `${JSON.stringify(text)} is nothing that a device can say as its version`);
  const isShort = /^[vV]?\d+(?:\.\d+)?$/.test(text);
  if (order === '=')
    if (isShort && !isQuoted)
      throw new Unreadable(
        at,
        `a version has three numbers: write ${text}.0, a range with >= and <, or "${text}" in quotes for devices that say just that`,
      );
    else return text;
  if (isShort && (order === '<=' || order === '>'))
    throw new Unreadable(at, `a version has three numbers after ${order}: is ${text}.1 meant to be above ${text}?`);
  const version = isShort ? `${text}${text.includes('.') ? '.0' : '.0.0'}` : text;
  if (!isOrdered(version))
    throw new Unreadable(
      at,
      `expected a version that has a place in the order, such as 1.4.0, found ${JSON.stringify(text)}`,
    );
  return version;
}

function readKnownBad(scanner: Scanner): Condition {
  scanner.takesWord('of');
  scanner.takes(/[=:]/y);
  const wanted = 'the version of a firmware, such as 1.4.0';
  const { text, at } = scanner.value(wanted);
  const version = bareVersion(text);
  if (!isVersion(version)) throw new Unreadable(at, `expected ${wanted}, found ${JSON.stringify(text)}`);
  return { kind: 'known_bad', version };
}

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

function readSeen(scanner: Scanner, which: SeenField): Condition {
  const order = scanner.takesWord('before', 'after');
  if (order !== undefined)
    return { kind: 'seen_at', which, order: order === 'before' ? '<' : '>', instant: readInstant(scanner) };
  if (scanner.takesWord('for', 'within') === undefined) scanner.takes(/[=:]/y);
  const wanted = 'a time such as 30m, 12h, 7d or 2w, or "before" or "after" and a day';
  const { text, at } = scanner.value(wanted);
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined)
    throw new Unreadable(at, `expected ${wanted}, found ${JSON.stringify(text)}`);
  return { kind: 'seen', which, withinS: Number(count) * (UNIT_S[unit] ?? 0) };
}

const INSTANT = /^(\d{4})-(\d\d)-(\d\d)(?:T([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?Z)?$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function readInstant(scanner: Scanner): string {
  const wanted = 'a day such as 2026-11-30, or 2026-11-30T08:00Z, in UTC';
  const { text, at } = scanner.value(wanted);
  const [, year, month, day] = INSTANT.exec(text) ?? [];
  if (year === undefined || !isDay(Number(year), Number(month), Number(day)))
    throw new Unreadable(at, `expected ${wanted}, found ${JSON.stringify(text)}`);
  return text.length > 10 ? text : `${text}T00:00Z`;
}

function isDay(year: number, month: number, day: number): boolean {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
  return day >= 1 && day <= days;
}
