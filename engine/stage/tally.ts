// What the attempts of one stage count as: each device once, by its latest attempt there that ended. Pure; who counts them
// (a query of the database, a simulation) brings the attempts and says nothing of what they mean.

import type { Fault } from '#protocol/device-errors.ts';
import type { Gate } from '#protocol/plan.ts';
import { faultOfEnd } from '../assignment/assignment.ts';
import type { Tally } from './gate.ts';
import type { AssignmentState } from '../facts/model.ts';

/** The latest attempt of a device in the stage that ended. */
export interface Answer {
  readonly state: AssignmentState;
  /** What the device reported as the cause, else what its reset reason says. */
  readonly cause: string | undefined;
  /** It is about the firmware of the rollout, not about one on the way to it. */
  readonly isOwnFirmware: boolean;
  /** It ended because no server was there. */
  readonly excused?: boolean;
  /** It ended before somebody resumed a halted rollout. */
  readonly isAcknowledged: boolean;
}

export type Answers = Pick<Tally, 'confirmed' | 'failed' | 'otherFailures' | 'silent'>;

/** Whose faults count as failed where the gate does not say it. */
const FAULTS_OF_BUILD: readonly Fault[] = ['firmware'];

/** The sums of answers that came `devices` times each. */
export function sumAnswers(
  gate: Pick<Gate, 'fault_classes'>,
  counted: readonly (Answer & { readonly devices: number })[],
): Answers {
  const sum = (column: keyof Answers): number =>
    counted.filter((answer) => columnOf(gate, answer) === column).reduce((total, { devices }) => total + devices, 0);
  return {
    confirmed: sum('confirmed'),
    failed: sum('failed'),
    otherFailures: sum('otherFailures'),
    silent: sum('silent'),
  };
}

/** Whether any device has answered, or kept silent. */
export function hasAnswers({ confirmed, failed, otherFailures, silent }: Answers): boolean {
  return confirmed + failed + otherFailures + silent > 0;
}

/** Undefined: no answer yet. A device that has confirmed a build on the way to that of the rollout has shown nothing of it. */
export function columnOf(gate: Pick<Gate, 'fault_classes'>, answer: Answer): keyof Answers | undefined {
  if (answer.state === 'confirmed') return answer.isOwnFirmware ? 'confirmed' : undefined;
  if (answer.state === 'timed_out') return 'silent';
  const counts = (gate.fault_classes ?? FAULTS_OF_BUILD).includes(faultOfEnd(answer));
  return counts && !answer.isAcknowledged ? 'failed' : 'otherFailures';
}

/** Whether an attempt in this state answers for its device, so that it is counted. */
export function isAnswer(state: AssignmentState): boolean {
  return ANSWERS.has(state);
}

/** States of an attempt that ended and is not overtaken by another decision. */
export const ANSWER_STATES = [
  'confirmed',
  'failed',
  'rolled_back',
  'rejected',
  'timed_out',
] as const satisfies readonly AssignmentState[];

const ANSWERS: ReadonlySet<AssignmentState> = new Set(ANSWER_STATES);
