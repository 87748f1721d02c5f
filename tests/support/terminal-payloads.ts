// Texts that are more than text for a terminal, a log, a spreadsheet or a reader: escape sequences, 8-bit controls, controls of a line, marks that
// turn the direction, and formulas.

const ESC = '\u001B';
/** What a text with an effect has in common: this word stands in it, so that it is found again. */
const WORD = 'seen';

const SEQUENCES = [
  '[2J',
  '[H',
  '[1A',
  '[2K',
  '[999D',
  '[31m',
  '[8m',
  '[5m',
  '[0c',
  '[6n',
  '[?1049h',
  '[?25l',
  '[?2004h',
  '[20t',
  '[3;1;1t',
  'c',
  '7',
  '(0',
  '#8',
].map((sequence) => `${ESC}${sequence}${WORD}`);
const STRINGS = [
  ']0;title\u0007',
  ']8;;https://otter.invalid\u0007',
  ']52;c;cm0gLXJmIC8=\u0007',
  ']1337;File=:AA==\u0007',
  'P$q"p\u001B\\',
  '_payload\u001B\\',
  '^private\u001B\\',
].map((sequence) => `${ESC}${sequence}${WORD}`);
const EIGHT_BIT = [
  '\u009B2J',
  '\u009B31m',
  '\u009D0;t\u009C',
  '\u0090q\u009C',
  '\u0084',
  '\u0085',
  '\u008D',
  '\u007F',
].map((control) => `${control}${WORD}`);
const LINES = [
  '\r',
  '\n',
  '\r\nlevel=fatal ',
  '\u0000',
  '\u0007',
  '\u0008\u0008\u0008',
  '\u000B',
  '\u000C',
  '\u2028',
].map((control) => `a${control}${WORD}`);
const DIRECTIONS = ['\u202E', '\u202D', '\u2066', '\u2067'].map((mark) => `${mark}${WORD}`);
const FORMULAS = ['=1+1', '+1', '@SUM(A1)'].map((formula) => `${formula} ${WORD}`);

export const TERMINAL_PAYLOADS: readonly string[] = [
  ...SEQUENCES,
  ...STRINGS,
  ...EIGHT_BIT,
  ...LINES,
  ...DIRECTIONS,
  ...FORMULAS,
];

/** What no terminal and no line of a log may get. A line feed ends a line, a tab is a space. */
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
export const NOT_FOR_TERMINALS = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]/;
