// How a command is told which device is meant.

import { Argument } from '@commander-js/extra-typings';
import { readDevice } from '#cli/arguments.ts';

const WHICH = 'MAC address in any spelling, the name, or the id';

export function deviceArgument(name: '<device>' | '<old>' | '<new>' = '<device>') {
  return new Argument(name, WHICH).argParser(readDevice).argRequired();
}

/** For commands that take all that a query means instead. */
export function deviceOrNone() {
  return new Argument('[device]', WHICH).argParser(readDevice).argOptional();
}
