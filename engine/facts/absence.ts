// Times in which no server was there, taken out of every span that is measured from one instant to another: a trial, a
// deadline and a silence last as long as somebody could have heard the board. Pure; who was away and when comes from the
// server (`service/time/absences.ts`). Instants and spans are UTC milliseconds.

/** From when to when no server answered, or by how much the clock moved while no time passed. */
export interface Absence {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How much of this span no server was there. Absences may overlap; never negative, also for a span that ends before it begins. */
export function absentMs(absences: readonly Absence[], fromMs: number, toMs: number): number {
  return within(absences, fromMs, toMs).reduce((sum, absence) => sum + absence.toMs - absence.fromMs, 0);
}

/** The time since then in which a server was there; negative where `sinceMs` is still to come. */
export function elapsedMs(absences: readonly Absence[], sinceMs: number, nowMs: number): number {
  return nowMs - sinceMs - absentMs(absences, sinceMs, nowMs);
}

/** The latest instant since which `spanMs` have elapsed: what was last seen before it has been silent for longer. */
export function instantBeforeMs(absences: readonly Absence[], spanMs: number, nowMs: number): number {
  let edgeMs = nowMs;
  let leftMs = spanMs;
  for (const { fromMs, toMs } of within(absences, Number.NEGATIVE_INFINITY, nowMs).toReversed()) {
    if (edgeMs - toMs >= leftMs) break;
    leftMs -= edgeMs - toMs;
    edgeMs = fromMs;
  }
  return edgeMs - leftMs;
}

/** Whether no server was there for some of this span. */
export function hasAbsence(absences: readonly Absence[], fromMs: number, toMs: number): boolean {
  return absentMs(absences, fromMs, toMs) > 0;
}

/** The union of the absences in this span, in their order and apart from one another. */
function within(absences: readonly Absence[], fromMs: number, toMs: number): readonly Absence[] {
  const cut = absences
    .map((absence) => ({ fromMs: Math.max(absence.fromMs, fromMs), toMs: Math.min(absence.toMs, toMs) }))
    .filter((absence) => absence.fromMs < absence.toMs)
    .toSorted((left, right) => left.fromMs - right.fromMs);
  const apart: Absence[] = [];
  for (const absence of cut) {
    const last = apart.at(-1);
    if (last === undefined || absence.fromMs > last.toMs) apart.push(absence);
    else apart[apart.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, absence.toMs) };
  }
  return apart;
}
