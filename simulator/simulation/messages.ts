// What simulated boards and their server say to one another, and what happened to the rollout meanwhile.

import type { afterReport, Sighting } from '#engine/assignment/assignment.ts';
import type { Decision } from '#engine/decision/decide.ts';
import type { RolloutStatus } from '#engine/facts/model.ts';
import type { RolloutCommand } from '#engine/stage/advance.ts';
import type { Columns } from '#engine/stage/counts.ts';
import type { GateCounts, Verdict } from '#engine/stage/gate.ts';
import type { CheckInSays } from '#simulator/simulation/server/presences.ts';

export interface CheckIn extends CheckInSays {
  readonly sighting: Omit<Sighting, 'bootReason'>;
  readonly freeHeapBytes?: number | undefined;
  /** By how much of the interval the answer is early or late, from -1 to 1 times the configured share. */
  readonly jitterS: number;
}

export interface CheckInAnswer {
  readonly decision: Decision;
  /** Of an offer. */
  readonly assignmentId: number | undefined;
  readonly intervalS: number;
  /** The server waits for further checks of the board: it soaks. */
  readonly isAwaited: boolean;
}

export interface Report {
  readonly assignmentId: number;
  readonly status: Parameters<typeof afterReport>[1]['status'];
  readonly errorCode?: string | undefined;
}

/** Something that happened to the rollout. */
export interface TimelineEntry {
  readonly atMs: number;
  readonly what: RolloutCommand;
  readonly actor: 'gate' | 'person';
  readonly status: RolloutStatus;
  /** The stage that is open after it, and how many boards the opened stages have. */
  readonly stage: string | undefined;
  readonly members: number;
  readonly reason: string;
  /** What the gate that acted is about, and what it saw; undefined for what a person does. */
  readonly judged: { readonly stage: string; readonly verdict: Verdict; readonly gateCounts: GateCounts } | undefined;
  /** What became of the boards of each opened stage until then, without those that hold no assignment. */
  readonly columns: ReadonlyMap<string, Columns>;
}
