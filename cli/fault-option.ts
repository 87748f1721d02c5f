// The option `--fault` of both simulations: in which ways a build is bad, and on how many devices. The kinds stand in
// `simulator/device/faults.ts`.

import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { readDuration, readPercentage } from './arguments.ts';
import { type BuildFault, FAULT_KINDS, FAULT_NAMES } from '#simulator/device/faults.ts';

export type TypedFault = Omit<BuildFault, 'version'>;

export const FAULTS_HELP = [
  'Kinds of --fault, and what DELAY is (45s, 10m, 2h):',
  ...FAULT_NAMES.map((kind) => {
    const { text, delay } = FAULT_KINDS[kind];
    return `  ${kind.padEnd(19)} ${text}${delay === undefined ? '' : `; DELAY: ${delay}`}`;
  }),
  'Which devices it takes follows from the seed; the shares of several lie side by side.',
].join('\n');

export function faultOption() {
  return new Option('--fault <fault>', 'KIND=PERCENT[:DELAY]: new builds are bad on this share; repeatable').argParser(
    readFault,
  );
}

/** `dies=20%:10m`, repeatable: each use adds to those before. */
function readFault(text: string, before: readonly TypedFault[] = []): readonly TypedFault[] {
  const [, name = '', share = '', delay] = /^([a-z_]+)=([^:]+)(?::(.+))?$/.exec(text) ?? [];
  const kind = FAULT_NAMES.find((known) => known === name);
  if (kind === undefined) {
    throw new InvalidArgumentError(
      `It wants a kind and its share, for example dies=20%:10m; kinds: ${FAULT_NAMES.join(', ')}.`,
    );
  }
  if (delay !== undefined && FAULT_KINDS[kind].delay === undefined) {
    throw new InvalidArgumentError(`${kind} has no delay: write ${kind}=${share}.`);
  }
  const typed = { kind, share: readPercentage(share) };
  return [...before, delay === undefined ? typed : { ...typed, delayMs: readDuration(delay) * 1000 }];
}
