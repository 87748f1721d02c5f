// What is wrong with the configuration, and where. Reading collects problems instead of stopping at the first one, so
// that one start shows all of them. A message never holds a secret: whoever makes a problem leaves the value out.

import { OtterError } from '#protocol/errors.ts';

/** Where a value was written. `line` and `col` count from 1; line 0 means "no line" (a variable of the process). */
export type Place = {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  /** The key as its author spells it: `poll.interval`, `schedules[0].cron`, `OTTER_PORT`; empty for the whole file. */
  readonly key: string;
};

export type Problem = Place & {
  /** An error refuses to start; a warning is shown and the server starts. */
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint: string;
};

/** What a check found: a value where it was good enough to use, and everything there is to say about it. */
export type Checked<T> = { readonly value: T | undefined; readonly problems: readonly Problem[] };

/** The configuration cannot be used. The process that meets this exits with 78 (`EX_CONFIG` of sysexits.h). */
export class ConfigError extends OtterError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('config_invalid', problems.map(formatProblem).join('\n'), 'correct these lines and start again');
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export function errorAt(place: Place, message: string, hint: string): Problem {
  return { ...place, severity: 'error', message, hint };
}

export function warningAt(place: Place, message: string, hint: string): Problem {
  return { ...place, severity: 'warning', message, hint };
}

/** One line, safe for a terminal: `config/server.yml:3:7: port: wants an integer, found "abc"; write port: 8443`. */
export function formatProblem(problem: Problem): string {
  const position = problem.line === 0 ? '' : `:${problem.line}:${problem.col}`;
  const key = problem.key === '' ? '' : ` ${problem.key}:`;
  const line = `${problem.file}${position}:${key} ${problem.message}; ${problem.hint}`;
  return line.replaceAll(/\p{C}/gu, '\u{FFFD}');
}
