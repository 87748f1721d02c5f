// `--where QUERY`: which devices a command means. What is wrong with a query is shown where it is wrong.

import { Option } from '@commander-js/extra-typings';
import { CommandError } from './exit-code.ts';

export function whereOption(what: string) {
  return new Option(
    '--where <query>',
    `${what}: 'chip = esp32c3 and version < 1.4 and not seen for 7d' (otter help query)`,
  );
}

/** Runs a call that sends this query. Errors: those of the call; of one about a place in the query, with that place shown. */
export async function pointing<T>(query: string | undefined, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof CommandError) || error.position === undefined || query === undefined) throw error;
    throw error.showing(pointedAt(query, error.position));
  }
}

/** The query in one line, and a caret under the character at this position, counted from 1. */
function pointedAt(query: string, position: number): string {
  return `  ${query.replaceAll(/\s/g, ' ')}\n  ${' '.repeat(position - 1)}^`;
}
