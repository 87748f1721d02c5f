// What a plan must hold beyond its schema, wherever it comes from: config/plans.yaml or the admin API. Reads no clock.

import { findShrinking, type Plan, type PlanWindow } from '#protocol/admin/plan.ts';
import { findCronFault, findLocalWindowFault, findTimezoneFault } from '#server/time/cron.ts';

export interface PlanFault {
  /** The stage by its position, and the member of it that is wrong. */
  readonly stage: number;
  readonly member: 'name' | 'gate' | 'percentage' | 'window.cron' | 'window.timezone';
  readonly message: string;
  readonly hint: string;
}

/** A time after which nobody is asked any more is for a plan that asks. */
export const NO_CONSENT = 'ends a consent, and the plan asks for none';
export const ASK_FIRST = 'say "consent: board" as well, or leave it out';

/** Everything that is wrong between the stages of a plan, none where it may be used. */
export function findPlanFaults(stages: Plan['stages']): readonly PlanFault[] {
  const shrinking = findShrinking(stages);
  return stages.flatMap(({ name, promotion, gate, window }, stage) => [
    ...(stages.findIndex((other) => other.name === name) === stage
      ? []
      : [fault(stage, 'name', `the name ${JSON.stringify(name)} is taken`, 'give each stage its own name')]),
    ...(promotion === 'manual' || gate !== undefined
      ? []
      : [
          fault(
            stage,
            'gate',
            'is required for promotion auto and missing',
            'add "gate: {min_confirmed: 5, max_failed: 0}", or leave the promotion to people',
          ),
        ]),
    ...(stage === shrinking
      ? [
          fault(
            stage,
            'percentage',
            `stage ${name} takes a smaller share of its label than a stage before it`,
            'a percentage of one label only grows: no device is taken away again',
          ),
        ]
      : []),
    ...(window === undefined ? [] : findWindowFaults(window, stage)),
  ]);
}

function findWindowFaults(window: PlanWindow, stage: number): readonly PlanFault[] {
  const { cron, timezone, duration_s: durationS } = window;
  const ofZone = findTimezoneFault(timezone);
  const ofLine =
    findCronFault(cron) ?? (window.device_local === true ? findLocalWindowFault({ cron, durationS }) : undefined);
  return [
    ...(ofZone === undefined ? [] : [fault(stage, 'window.timezone', `${timezone} ${ofZone.message}`, ofZone.hint)]),
    ...(ofLine === undefined ? [] : [fault(stage, 'window.cron', `"${cron}" ${ofLine.message}`, ofLine.hint)]),
  ];
}

function fault(stage: number, member: PlanFault['member'], message: string, hint: string): PlanFault {
  return { stage, member, message, hint };
}
