// What a block or a revert would do to the boards that run the build: where each would go, who would stay and why. Asks the rules
// about every one of them, page by page, as if it were done; it changes nothing, so it can be asked before anybody says yes.

import { listMemberships } from '#server/db/rollouts/stage-members.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { WayBack } from '#protocol/admin/firmware.ts';
import type { StoredFirmware } from '#server/db/firmware/catalog.ts';
import { listDevicePage, listLabelTimes, type PagedDevice } from '#server/db/fleet/device-pages.ts';
import { listFailedAssignments } from '#server/db/device/failed-assignments.ts';
import { listRunVersions } from '#server/db/fleet/devices.ts';
import { listReleasedAlone } from '#server/db/rollouts/images.ts';
import { listUnended, type Rollout } from '#server/db/rollouts/rollouts.ts';
import { decide, type Decision } from '#engine/decision/decide.ts';
import { RULES } from '#engine/decision/rules.ts';
import { isTakenBack, rolloutFor, stableFor } from '#engine/decision/target.ts';
import { withoutEnd } from '#engine/facts/hold.ts';
import { matchBuild, runningOf } from '#engine/facts/build.ts';
import type { DeviceFacts, RolloutFacts } from '#engine/facts/model.ts';
import { versionKey } from '#protocol/device/version.ts';
import { asRunOn, type CatalogView } from '#server/service/firmware/catalog.ts';
import { deviceFactsOf } from '#server/service/device/facts.ts';
import type { Deps } from '#server/service/deps.ts';
import { standingsOf } from '#server/service/identity/standing.ts';
import { historyOn } from './walk.ts';

/** Devices judged at a stretch, so that check-ins in between hardly wait. */
const PAGE = 250;
const MAX_EXAMPLES = 10;

/** Of a block of this firmware. */
export async function wayBackOfBlock(deps: Deps, { id }: { readonly id: number }): Promise<WayBack> {
  const view = await deps.catalog.current();
  const firmware = view.getFirmware(id);
  const aborted = await listUnended(deps.database.read, id);
  const isOther = (rollout: RolloutFacts): boolean => rollout.firmware.id !== id;
  return countAll(deps, view, {
    firmware: { ...firmware, blocked: true },
    open: view.openRolloutsOf(firmware.product).filter(isOther),
    completed: view.completedOf(firmware.product).filter(isOther),
    aborts: aborted.map(({ name }) => name),
  });
}

/** Of the end of this rollout with the way back. It takes back the images that it released and that no completed one covers. */
export async function wayBackOfRevert(deps: Deps, rollout: Rollout): Promise<WayBack> {
  const view = await deps.catalog.current();
  const firmware = view.getFirmware(rollout.firmware_id);
  const taken = new Set(await listReleasedAlone(deps.database.read, rollout));
  const completed = view.completedOf(firmware.product).filter(({ id }) => id !== rollout.id);
  return countAll(deps, view, {
    firmware: {
      ...firmware,
      reverted: !completed.some((done) => done.firmware.id === firmware.id),
      images: firmware.images.map((image) => ({ ...image, reverted: image.reverted || taken.has(image.id) })),
    },
    open: view.openRolloutsOf(firmware.product).filter(({ id }) => id !== rollout.id),
    completed,
    aborts: rollout.ended_at_ms === null ? [rollout.name] : [],
  });
}

/** The catalog as it would be. */
interface Changed {
  readonly firmware: StoredFirmware;
  readonly open: readonly RolloutFacts[];
  readonly completed: readonly RolloutFacts[];
  readonly aborts: readonly string[];
}

async function countAll(deps: Deps, view: CatalogView, changed: Changed): Promise<WayBack> {
  await deps.presence.flush();
  const { firmware } = changed;
  const goesTo = new Map<string, number>();
  const stays = new Map<string, { devices: number; readonly examples: string[] }>();
  let running = 0;
  let others = 0;
  for await (const { firstName, fate } of judgeAll(deps, view, changed)) {
    if (fate === 'other_build') {
      others += 1;
      continue;
    }
    running += 1;
    if (fate.outcome === 'hold') {
      const count = stays.get(fate.reason) ?? { devices: 0, examples: [] };
      count.devices += 1;
      if (count.examples.length < MAX_EXAMPLES) count.examples.push(firstName);
      stays.set(fate.reason, count);
    } else goesTo.set(fate.firmware.version, (goesTo.get(fate.firmware.version) ?? 0) + 1);
  }
  return {
    product: firmware.product,
    version: firmware.version,
    aborts: [...changed.aborts],
    devices_running: running,
    other_builds: others,
    prior_stable: view.priorStableOf(firmware)?.firmware.version ?? null,
    goes_to: [...goesTo].map(([version, devices]) => ({ version, devices })).toSorted(mostFirst),
    stays: [...stays]
      .map(([reason, { devices, examples }]) => ({ reason, text: textOf(reason), devices, examples }))
      .toSorted(mostFirst),
  };
}

/** Every device that would lose the build, and every one with another build of its version. */
async function* judgeAll(
  deps: Deps,
  view: CatalogView,
  changed: Changed,
): AsyncGenerator<{ readonly firstName: string; readonly fate: Decision | 'other_build' }> {
  const { read } = deps.database;
  const { product, version } = changed.firmware;
  const said = await listRunVersions(read, product);
  const versions = said.filter((text) => versionKey(text) === versionKey(version));
  for (let afterId = 0; versions.length > 0; await nextTurn()) {
    const page = await listDevicePage(read, { product, versions }, { afterId, limit: PAGE });
    const ids = page.map(({ id }) => id);
    const labels = await listLabelTimes(read, ids);
    const memberships = await listMemberships(read, ids);
    const failed = await listFailedAssignments(read, ids);
    const standingOf = await standingsOf(
      deps,
      read,
      page.map(({ first_name }) => first_name),
    );
    for (const row of page) {
      const standing = standingOf(row.first_name);
      const device = deviceFactsOf(row, labels.get(row.id) ?? [], memberships.get(row.id), standing);
      const fate = fateOf(device, view, changed, (firmwareId) => historyOn(failed.get(row.id) ?? [], firmwareId));
      if (fate !== undefined) yield { firstName: row.first_name, fate };
    }
    const last: PagedDevice | undefined = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    afterId = last.id;
  }
}

/** Undefined: nothing is taken from it. Its trial, its rests and windows are over, for they only hold for a while. */
function fateOf(
  device: DeviceFacts,
  view: CatalogView,
  { firmware, open, completed }: Changed,
  historyOf: (firmwareId: number) => ReturnType<typeof historyOn>,
): Decision | 'other_build' | undefined {
  if (matchBuild(firmware, runningOf(device)) === 'other_build') return 'other_build';
  const running = asRunOn(firmware, device);
  if (!isTakenBack(running)) return undefined;
  const rollout = rolloutFor(open, device);
  return decide(
    {
      device: { ...device, onTrial: false, hold: withoutEnd(device.hold) },
      running,
      rollout: rollout && { ...rollout, pace: { maxInFlight: undefined, maxOffersPerMinute: undefined } },
      stable: stableFor(completed, device, running),
      requiredVersions: view.requiredVersionsOf(firmware.product),
      takesUnsigned: view.trustedKeysOf(firmware.product).length === 0,
      window: undefined,
      freeze: withoutEnd(view.freezeOf(firmware.product)),
      historyOf,
      holdsOffer: false,
      isUnderWay: false,
      lastEndedAtMs: undefined,
      firstOffers: new Map(),
      budgets: [],
      load: undefined,
    },
    Number.POSITIVE_INFINITY,
  );
}

function textOf(reason: string): string {
  if (reason === 'blocked_without_prior_stable') return 'no rollout of an older build was ever completed for them';
  if (reason === 'security_version_lower')
    return 'every older stable build has a lower security version, which they would refuse';
  return RULES.find(({ id }) => id === reason)?.when ?? reason;
}

function mostFirst(left: { readonly devices: number }, right: { readonly devices: number }): number {
  return right.devices - left.devices;
}
