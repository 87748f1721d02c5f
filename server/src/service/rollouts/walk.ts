// Goes through every device of the product of a rollout and asks the rules what it would get, page by page, with the stages that
// are still to open opened in thought. It changes nothing and counts nothing: who walks does.

import { listMemberships } from '#server/db/rollouts/stage-members.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { listDevicePage, listLabelTimes, type PagedDevice, type Which } from '#server/db/fleet/device-pages.ts';
import { type FailedAssignmentRow, listFailedAssignments } from '#server/db/device/failed-assignments.ts';
import type { StoredFirmware } from '#server/db/firmware/catalog.ts';
import { type Rollout, type StagedRollout, withStages } from '#server/db/rollouts/rollouts.ts';
import { historyOf } from '#engine/assignment/assignment.ts';
import type { Forecast } from '#engine/decision/forecast.ts';
import type { BuildHistory, DeviceFacts } from '#engine/facts/model.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { type Preview, previewOf } from '#engine/decision/preview.ts';
import { RULES } from '#engine/decision/rules.ts';
import { stableFor } from '#engine/decision/target.ts';
import { assignmentEndOf } from '#server/service/device/assignment.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import type { WatchDeps } from '#server/service/watch-deps.ts';
import { deviceFactsOf } from '#server/service/device/facts.ts';
import { standingsOf } from '#server/service/identity/standing.ts';
import { forecastOf } from './forecast.ts';

/** Devices judged at a stretch: a few milliseconds, so that check-ins in between hardly wait. */
const PAGE = 250;

export interface Subject {
  readonly row: StagedRollout;
  readonly forecast: Forecast;
  readonly view: CatalogView;
}

/** The rollout with what the rules are asked with. */
export async function getSubject(deps: Pick<WatchDeps, 'catalog'>, db: Reader, row: Rollout): Promise<Subject> {
  const [staged] = await withStages(db, [row]);
  if (staged === undefined) throw new Error('a rollout that was read is not there');
  return subjectOf(deps, db, staged);
}

/** The same of a rollout that was read with its stages. */
export async function subjectOf(deps: Pick<WatchDeps, 'catalog'>, db: Reader, row: StagedRollout): Promise<Subject> {
  const view = isTrx(db) ? await deps.catalog.within(db) : await deps.catalog.current();
  const firmware = view.findFirmware(row.product, row.version);
  if (firmware === undefined) throw new Error('a rollout without firmware');
  // A draft is started only when its firmware is ready for the pilot, and its start ends a way back from that firmware.
  const isDraft = row.status === 'draft';
  const assumed = isDraft ? { ...firmware, pilotReady: true, reverted: false } : firmware;
  const imageIds = isDraft
    ? coveredByStart(view, firmware)
    : view.openRolloutsOf(row.product).find(({ id }) => id === row.id)?.imageIds;
  return { row, forecast: forecastOf(row, row.stages, { firmware: assumed, imageIds: imageIds ?? [] }), view };
}

/** What it would cover if it started now: as `coverImages` of `db/` stores it. */
function coveredByStart(view: CatalogView, firmware: StoredFirmware): readonly number[] {
  return [firmware, ...view.requiredVersionsOf(firmware.product)].flatMap(({ images }) => images.map(({ id }) => id));
}

function isTrx(db: Reader): db is Trx {
  return db.isTransaction;
}

export interface Judged {
  readonly device: PagedDevice;
  readonly facts: DeviceFacts;
  readonly labels: readonly string[];
  readonly preview: Preview;
}

/** Every device of the product behind that key, a page at a time; other requests have their turn in between. */
export async function* walkDevices(
  deps: Pick<WatchDeps, 'settings'>,
  read: Reader,
  { row, forecast, view }: Subject,
  behindId: number,
  which: Pick<Which, 'withoutRolloutId'> = {},
): AsyncGenerator<readonly Judged[]> {
  for (let afterId = behindId; ; await nextTurn()) {
    const page = await listDevicePage(read, { ...which, product: row.product }, { afterId, limit: PAGE });
    const ids = page.map(({ id }) => id);
    const labels = await listLabelTimes(read, ids);
    const memberships = await listMemberships(read, ids);
    const failed = await listFailedAssignments(read, ids);
    const standingOf = await standingsOf(
      deps,
      read,
      page.map(({ first_name }) => first_name),
    );
    yield page.map((device) => {
      const current = labels.get(device.id) ?? [];
      const standing = standingOf(device.first_name);
      const known = deviceFactsOf(device, current, memberships.get(device.id), standing);
      const running = view.findRunning(known);
      const facts = {
        device: known,
        // Its start ends a way back from its own firmware.
        running:
          row.status === 'draft' && running?.id === forecast.rollout.firmware.id ? forecast.rollout.firmware : running,
        open: view.openRolloutsOf(device.product),
        stable: stableFor(view.completedOf(device.product), known, running),
        requiredVersions: view.requiredVersionsOf(device.product),
        takesUnsigned: view.trustedKeysOf(device.product).length === 0,
        historyOf: (firmwareId: number) => historyOn(failed.get(device.id) ?? [], firmwareId),
      };
      return { device, facts: known, labels: current.map((label) => label.name), preview: previewOf(forecast, facts) };
    });
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    afterId = last.id;
  }
}

/** From its assignments that failed and still count; judged when every rest is over. */
export function historyOn(failed: readonly FailedAssignmentRow[], firmwareId: number): BuildHistory {
  const assignments = failed.filter((assignment) => assignment.firmware_id === firmwareId).map(assignmentEndOf);
  return historyOf(assignments, Number.POSITIVE_INFINITY);
}

/** A rule that leaves a device out, as a sentence. */
export function textOf(reason: string): string {
  if (reason === 'other_rollout') return 'another open rollout, which was started later, has the device in its plan';
  return RULES.find(({ id }) => id === reason)?.when ?? reason;
}
