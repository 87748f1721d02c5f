// Windows: schedules with a duration in which installs are allowed. A window is open from each instant of its cron line,
// in its time zone, for its duration. Where several apply, one that is open is enough.

import { nextRunMs } from '#server/cron.ts';
import type { Schedule } from '#server/db/schedules.ts';
import type { RolloutFacts, WindowFacts } from '#server/rollout/model.ts';

interface Phase {
  readonly open: boolean;
  /** The phase holds until here; for a closed window this is when it opens. */
  readonly untilMs: number;
}

export class WindowClock {
  readonly #windows: readonly Schedule[];
  readonly #phases = new Map<number, Phase & { readonly fromMs: number }>();

  constructor(windows: readonly Schedule[]) {
    this.#windows = windows;
  }

  /** The window that speaks for this rollout and a device with these labels; undefined where none applies. */
  find(rollout: RolloutFacts | undefined, labels: readonly string[], nowMs: number): WindowFacts | undefined {
    if (this.#windows.length === 0) return undefined;
    const applying = this.#windows
      .filter((window) => isFor(window, rollout, labels))
      .map((window) => ({ schedule: window.name, phase: this.#phaseOf(window, nowMs) }));
    const open = applying.find(({ phase }) => phase.open);
    if (open !== undefined) return { open: true, schedule: open.schedule, opensAtMs: undefined };
    const next = applying.toSorted((left, right) => left.phase.untilMs - right.phase.untilMs)[0];
    return next === undefined
      ? undefined
      : {
          open: false,
          schedule: next.schedule,
          opensAtMs: Number.isFinite(next.phase.untilMs) ? next.phase.untilMs : undefined,
        };
  }

  /** A cron line is worked out once per phase, not once per device. */
  #phaseOf(window: Schedule, nowMs: number): Phase {
    const known = this.#phases.get(window.id);
    if (known !== undefined && known.fromMs <= nowMs && nowMs < known.untilMs) return known;
    const phase = { ...phaseAt(window, nowMs), fromMs: nowMs };
    this.#phases.set(window.id, phase);
    return phase;
  }
}

function phaseAt(window: Schedule, nowMs: number): Phase {
  const durationMs = window.duration_ms ?? 0;
  // The first opening after this instant is the one that may still be open.
  const openedMs = nextRunMs(window, nowMs - durationMs);
  if (openedMs === undefined) return { open: false, untilMs: Number.POSITIVE_INFINITY };
  return openedMs <= nowMs ? { open: true, untilMs: openedMs + durationMs } : { open: false, untilMs: openedMs };
}

function isFor(window: Schedule, rollout: RolloutFacts | undefined, labels: readonly string[]): boolean {
  return (
    (window.rollout === null || window.rollout === rollout?.name) &&
    (window.label === null || labels.includes(window.label))
  );
}
