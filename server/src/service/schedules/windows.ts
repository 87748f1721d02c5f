// Windows: times in which installs are allowed, of a stage or from a schedule for devices or rollouts. A window is open
// from each instant of its cron line, in its time zone, for its duration. Of several schedules that apply, one that is
// open is enough; the window of the stage must be open besides. A device-local window is kept by the device itself.

import type { PlanWindow } from '#protocol/admin/plan.ts';
import { dailyMinute, nextRunMs, utcOffsetMin } from '#server/time/cron.ts';
import type { CatalogRows } from '#server/db/firmware/catalog.ts';
import type { Schedule } from '#server/db/schedules/schedules.ts';
import type { OpenedStage, RolloutFacts, WindowFacts } from '#engine/facts/model.ts';

interface Window {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  readonly durationMs: number;
  readonly isDeviceLocal: boolean;
}

interface Phase {
  readonly open: boolean;
  /** The phase holds until here; for a closed window this is when it opens. */
  readonly untilMs: number;
}

/** For whom the windows are asked. */
export interface WindowCase {
  readonly rollout: RolloutFacts | undefined;
  /** The stage that the device got its place from. */
  readonly stage: OpenedStage | undefined;
  readonly labels: readonly string[];
}

/** Zones change their offset at most each quarter of an hour. */
const OFFSET_HOLDS_MS = 900_000;

export class WindowClock {
  readonly #schedules: readonly (Window & Pick<Schedule, 'rollout' | 'label'>)[];
  readonly #zones: CatalogRows['zones'];
  /** A cron line is worked out once per phase, not once per device. */
  readonly #phases = new Map<string, Phase & { readonly fromMs: number }>();
  readonly #offsets = new Map<string, number>();

  constructor({ windows, zones }: Pick<CatalogRows, 'windows' | 'zones'>) {
    this.#schedules = windows.map((row) => ({ ...toWindow(row), rollout: row.rollout, label: row.label }));
    this.#zones = zones;
  }

  /** Whether a schedule leaves the hours to the device. */
  get hasDeviceLocal(): boolean {
    return this.#schedules.some(({ isDeviceLocal }) => isDeviceLocal);
  }

  /** What the windows that apply say; undefined where none does. */
  find(who: WindowCase, nowMs: number): WindowFacts | undefined {
    const ofStage = who.stage?.window === undefined ? [] : [ofPlan(who.stage.window)];
    const ofSchedules = this.#schedules.filter((window) => isFor(window, who));
    const groups = [ofStage, ofSchedules].flatMap((windows) =>
      windows.length === 0 ? [] : [this.#judge(windows, who.labels, nowMs)],
    );
    const closed = groups.filter(({ open }) => !open);
    // The way is free when the last of them has opened.
    return closed.toSorted((left, right) => opening(right) - opening(left))[0] ?? groups[0];
  }

  #judge(windows: readonly Window[], labels: readonly string[], nowMs: number): WindowFacts {
    const phases = windows.map((window) => ({ window, phase: this.#phaseOf(window, nowMs) }));
    const open = phases.find(({ phase, window }) => phase.open && !window.isDeviceLocal);
    if (open !== undefined) return { open: true, name: open.window.name, opensAtMs: undefined, install: undefined };
    const local = windows.find(({ isDeviceLocal }) => isDeviceLocal);
    if (local !== undefined)
      return { open: true, name: local.name, opensAtMs: undefined, install: this.#installOf(local, labels, nowMs) };
    const [next] = phases.toSorted((left, right) => left.phase.untilMs - right.phase.untilMs);
    const opensAtMs = next?.phase.untilMs ?? Number.POSITIVE_INFINITY;
    return {
      open: false,
      name: next?.window.name ?? '',
      opensAtMs: Number.isFinite(opensAtMs) ? opensAtMs : undefined,
      install: undefined,
    };
  }

  #phaseOf(window: Window, nowMs: number): Phase {
    const key = `${window.cron} ${window.timezone} ${window.durationMs}`;
    const known = this.#phases.get(key);
    if (known !== undefined && known.fromMs <= nowMs && nowMs < known.untilMs) return known;
    const phase = { ...phaseAt(window, nowMs), fromMs: nowMs };
    this.#phases.set(key, phase);
    return phase;
  }

  #installOf(window: Window, labels: readonly string[], nowMs: number): WindowFacts['install'] {
    const timezone = this.#zones.find(({ label }) => labels.includes(label))?.timezone ?? window.timezone;
    return {
      // A plan or schedule whose line is not that of one time of the day was refused when it came in.
      fromMinute: dailyMinute(window.cron) ?? 0,
      durationMin: Math.floor(window.durationMs / 60_000),
      utcOffsetMin: this.#offsetOf(timezone, nowMs),
    };
  }

  #offsetOf(timezone: string, nowMs: number): number {
    const key = `${timezone} ${Math.floor(nowMs / OFFSET_HOLDS_MS)}`;
    const known = this.#offsets.get(key);
    if (known !== undefined) return known;
    const offset = utcOffsetMin(timezone, nowMs);
    // One per zone and quarter of an hour; a catalog that lives for long starts anew now and then.
    if (this.#offsets.size > 1_000) this.#offsets.clear();
    this.#offsets.set(key, offset);
    return offset;
  }
}

function toWindow(row: Schedule): Window {
  return {
    name: row.name,
    cron: row.cron,
    timezone: row.timezone,
    durationMs: row.duration_ms ?? 0,
    isDeviceLocal: row.device_local === 1,
  };
}

function ofPlan(window: PlanWindow): Window {
  return {
    name: `of the stage (${window.cron}${window.device_local === true ? ', device local' : ` ${window.timezone}`})`,
    cron: window.cron,
    timezone: window.timezone,
    durationMs: window.duration_s * 1000,
    isDeviceLocal: window.device_local ?? false,
  };
}

function phaseAt(window: Window, nowMs: number): Phase {
  // The first opening after this instant is the one that may still be open.
  const openedMs = nextRunMs(window, nowMs - window.durationMs);
  if (openedMs === undefined) return { open: false, untilMs: Number.POSITIVE_INFINITY };
  return openedMs <= nowMs ? { open: true, untilMs: openedMs + window.durationMs } : { open: false, untilMs: openedMs };
}

function opening({ opensAtMs }: WindowFacts): number {
  return opensAtMs ?? Number.POSITIVE_INFINITY;
}

function isFor(
  window: Pick<Schedule, 'rollout' | 'label'>,
  { rollout, labels }: Pick<WindowCase, 'rollout' | 'labels'>,
): boolean {
  return (
    (window.rollout === null || window.rollout === rollout?.name) &&
    (window.label === null || labels.includes(window.label))
  );
}
