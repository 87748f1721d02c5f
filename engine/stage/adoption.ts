// How far a stage is: its assignments counted by what operators ask for. A device is counted once, by its latest
// assignment; one that is silent is counted as silent as long as the outcome is open.

import { assertNever } from '#protocol/errors.ts';
import type { Adoption } from '#protocol/admin-api.ts';
import { isOpenState } from '../assignment/assignment.ts';
import type { AssignmentState } from '../facts/model.ts';

export interface StateCount {
  readonly state: AssignmentState;
  readonly isSilent: boolean;
  readonly devices: number;
}

export function adoptionOf(targeted: number, counts: readonly StateCount[]): Adoption {
  const sum = (wanted: keyof Adoption): number =>
    counts.filter((count) => columnOf(count) === wanted).reduce((total, { devices }) => total + devices, 0);
  return {
    targeted,
    offered: sum('offered'),
    downloading: sum('downloading'),
    trial: sum('trial'),
    confirmed: sum('confirmed'),
    failed: sum('failed'),
    rolled_back: sum('rolled_back'),
    silent: sum('silent'),
  };
}

function columnOf({ state, isSilent }: StateCount): keyof Adoption | undefined {
  if (isSilent && isOpenState(state)) return 'silent';
  switch (state) {
    case 'offered':
      return 'offered';
    case 'downloading':
    case 'downloaded':
    case 'installing':
      return 'downloading';
    case 'trial':
      return 'trial';
    case 'confirmed':
      return 'confirmed';
    case 'failed':
    case 'rejected':
      return 'failed';
    case 'rolled_back':
      return 'rolled_back';
    case 'timed_out':
      return 'silent';
    case 'superseded':
      return undefined;
    default:
      return assertNever(state);
  }
}
