// A plan while somebody writes it: every number and length as it is typed, so that a half-typed one is no other number. What it means is
// judged by the server.

import type { NewPlan, ListedPlan } from '#protocol/admin/rollouts.ts';
import { readLength, writeLength } from '#dashboard/parts/text/length.ts';

export interface GateDraft {
  readonly minConfirmed: string;
  readonly soak: string;
  readonly maxFailed: string;
  readonly maxFailedPct: string;
  readonly maxSilentPct: string;
  readonly maxLostPct: string;
  readonly maxHeapDropPct: string;
  readonly maxMoreRestartsPct: string;
  readonly faultClasses: readonly FaultClass[];
  readonly isRevert: boolean;
}
type Gate = NonNullable<NewPlan['stages'][number]['gate']>;
type FaultClass = NonNullable<Gate['fault_classes']>[number];

export interface WindowDraft {
  readonly cron: string;
  readonly timezone: string;
  readonly duration: string;
  readonly deviceLocal: boolean;
}

export interface StageDraft {
  /** Stays while the stage is moved. */
  readonly key: number;
  readonly name: string;
  readonly label: string;
  readonly percentage: string;
  readonly isAuto: boolean;
  readonly gate: GateDraft | undefined;
  readonly window: WindowDraft | undefined;
  readonly maxInFlight: string;
  readonly maxOffersPerMinute: string;
}

export interface PlanDraft {
  readonly name: string;
  readonly description: string;
  readonly stages: readonly StageDraft[];
  readonly asksBoard: boolean;
  readonly forceAfter: string;
  readonly watch: string;
}

export const NEW_GATE: GateDraft = {
  minConfirmed: '5',
  soak: '1h',
  maxFailed: '0',
  maxFailedPct: '',
  maxSilentPct: '20',
  maxLostPct: '',
  maxHeapDropPct: '',
  maxMoreRestartsPct: '',
  faultClasses: [],
  isRevert: false,
};

export function newWindow(): WindowDraft {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return { cron: '0 2 * * *', timezone: timeZone, duration: '3h', deviceLocal: false };
}

/** Begins as a copy of a plan, under the same name where that may be changed. */
export function draftOf({ name, source, description, stages, consent, force_after_s, watch_s }: ListedPlan): PlanDraft {
  return {
    name: source === 'api' ? name : `${name}-2`,
    description: source === 'api' ? description : '',
    asksBoard: consent === 'board',
    forceAfter: writeLength(force_after_s),
    watch: writeLength(watch_s),
    stages: stages.map((stage, key) => ({
      key,
      name: stage.name,
      label: stage.label,
      percentage: String(stage.percentage),
      isAuto: stage.promotion === 'auto',
      gate: stage.gate === undefined ? undefined : gateDraftOf(stage.gate),
      window:
        stage.window === undefined
          ? undefined
          : {
              cron: stage.window.cron,
              timezone: stage.window.timezone,
              duration: writeLength(stage.window.duration_s),
              deviceLocal: stage.window.device_local === true,
            },
      maxInFlight: textOf(stage.max_in_flight),
      maxOffersPerMinute: textOf(stage.max_offers_per_minute),
    })),
  };
}

function gateDraftOf(gate: Gate): GateDraft {
  return {
    minConfirmed: textOf(gate.min_confirmed),
    soak: writeLength(gate.soak_s),
    maxFailed: textOf(gate.max_failed),
    maxFailedPct: textOf(gate.max_failed_pct),
    maxSilentPct: textOf(gate.max_silent_pct),
    maxLostPct: textOf(gate.max_lost_pct),
    maxHeapDropPct: textOf(gate.max_heap_drop_pct),
    maxMoreRestartsPct: textOf(gate.max_more_restarts_pct),
    faultClasses: gate.fault_classes ?? [],
    isRevert: gate.on_halt === 'revert',
  };
}

/** As the API takes it. What is no number stays what it is, for the server to refuse by the name of its field. */
export function planOf({ description, stages, asksBoard, forceAfter, watch }: PlanDraft): NewPlan {
  return {
    description: description.trim(),
    stages: stages.map(stageOf),
    ...(asksBoard ? { consent: 'board' as const, ...given('force_after_s', readLength(forceAfter)) } : {}),
    ...given('watch_s', readLength(watch)),
  };
}

function stageOf(stage: StageDraft): NewPlan['stages'][number] {
  const { name, label, percentage, isAuto, gate, window } = stage;
  return {
    name: name.trim(),
    label: label.trim(),
    percentage: Number(percentage),
    promotion: isAuto ? 'auto' : 'manual',
    ...(gate === undefined ? {} : { gate: gateOf(gate) }),
    ...(window === undefined
      ? {}
      : {
          window: {
            cron: window.cron.trim(),
            timezone: window.timezone.trim(),
            duration_s: readLength(window.duration) ?? Number.NaN,
            ...(window.deviceLocal ? { device_local: true } : {}),
          },
        }),
    ...given('max_in_flight', numberOf(stage.maxInFlight)),
    ...given('max_offers_per_minute', numberOf(stage.maxOffersPerMinute)),
  };
}

function gateOf(gate: GateDraft): Gate {
  return {
    min_confirmed: numberOf(gate.minConfirmed) ?? Number.NaN,
    ...given('max_failed', numberOf(gate.maxFailed)),
    ...given('max_failed_pct', numberOf(gate.maxFailedPct)),
    ...given('max_silent_pct', numberOf(gate.maxSilentPct)),
    ...given('max_lost_pct', numberOf(gate.maxLostPct)),
    ...given('max_heap_drop_pct', numberOf(gate.maxHeapDropPct)),
    ...given('max_more_restarts_pct', numberOf(gate.maxMoreRestartsPct)),
    ...given('soak_s', readLength(gate.soak)),
    ...(gate.faultClasses.length === 0 ? {} : { fault_classes: [...gate.faultClasses] }),
    ...(gate.isRevert ? { on_halt: 'revert' as const } : {}),
  };
}

/** The member, or nothing: an empty field is left out. */
function given<K extends string>(name: K, value: number | undefined): { readonly [P in K]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [P in K]?: number });
}

function numberOf(text: string): number | undefined {
  return text.trim() === '' ? undefined : Number(text);
}

function textOf(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}

/** `stages.0.gate.soak_s: must be ...`: where the server found it, and what. */
export interface FieldFault {
  readonly field: string;
  readonly text: string;
}

export function fieldFaultOf(message: string): FieldFault | undefined {
  const match = /^([a-z_]+(?:\.[a-z0-9_]+)*): (.*)$/s.exec(message);
  return match === null ? undefined : { field: match[1] ?? '', text: match[2] ?? '' };
}
