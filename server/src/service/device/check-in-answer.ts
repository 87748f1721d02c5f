// What a device is told at its check-in: the offer or why there is none, and when to ask again.

import type { CheckUpdateAnswer, Offer } from '#protocol/device/api.ts';
import type { Configuration } from '#protocol/device/configuration.ts';
import { offerPath } from '#protocol/device/api.ts';
import { MAX_POLL_INTERVAL_S, MIN_POLL_INTERVAL_S } from '#protocol/limits.ts';
import type { CheckInFacts } from '#server/db/device/check-in-facts.ts';
import type { InstallWindow } from '#engine/facts/model.ts';
import type { CheckInPlan } from '#engine/decision/plan-check-in.ts';
import { pollIntervalS } from '#engine/decision/poll.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import type { Deps } from '#server/service/deps.ts';
import { offeredManifestOf } from '#server/service/firmware/manifest.ts';

/** The assignment that the answer offers. */
export interface Offered {
  readonly assignmentId: number;
  readonly isForgiven: boolean;
}

export function offeredBy({ offered }: CheckInPlan): Offered | undefined {
  return offered === undefined ? undefined : { assignmentId: offered.id, isForgiven: offered.progress.pardoned };
}

interface Told {
  readonly product: string;
  /** Goes with an answer that offers nothing: an offer fills the 4 KiB that a board has for both. */
  readonly configuration: Configuration | undefined;
  readonly plan: CheckInPlan;
  readonly view: CatalogView;
  readonly labels: CheckInFacts['labels'];
  readonly offered: Offered | undefined;
  readonly nowMs: number;
}

export function answer(deps: Deps, told: Told): CheckUpdateAnswer {
  const { decision } = told.plan;
  const poll_interval_s = jitteredIntervalS(deps, told);
  const { configuration, offered } = told;
  if (decision.outcome === 'hold')
    return {
      update_available: false,
      reason: decision.reason,
      poll_interval_s,
      ...(configuration === undefined ? {} : { configuration }),
    };
  const build = told.view.findBuild(decision.firmware.id, decision.image.id);
  if (build === undefined || offered === undefined) throw new Error('an offer without build or assignment');
  const manifest = offeredManifestOf({ ...build.firmware, image: build.image }, told.nowMs);
  return {
    update_available: true,
    reason: decision.reason,
    poll_interval_s,
    assignment_id: offered.assignmentId,
    rollback: decision.outcome === 'rollback',
    labels: told.labels.map(({ name }) => name),
    manifest,
    url: offerPath({ ...manifest, folder: build.image.folder }, offered.assignmentId),
    ...(decision.install === undefined ? {} : { install_window: toInstallWindow(decision.install) }),
    ...(decision.consent === undefined ? {} : { [decision.consent]: true }),
    ...(offered.isForgiven ? { forgiven: true } : {}),
  };
}

/** For whoever is not taken for the board. */
export function heldAnswer({ settings, random }: Deps, reason: string): CheckUpdateAnswer {
  const jitterS = settings.pollIntervalS * settings.pollJitter * (2 * random() - 1);
  return { update_available: false, reason, poll_interval_s: withinLimits(settings.pollIntervalS + jitterS) };
}

function withinLimits(intervalS: number): number {
  return Math.max(MIN_POLL_INTERVAL_S, Math.min(MAX_POLL_INTERVAL_S, Math.round(intervalS)));
}

function toInstallWindow({ fromMinute, durationMin, utcOffsetMin }: InstallWindow): Offer['install_window'] {
  return { from_minute: fromMinute, duration_min: durationMin, utc_offset_min: utcOffsetMin };
}

/** With jitter, so that a fleet does not poll in step. */
function jitteredIntervalS(
  { settings, random }: Deps,
  { plan: { decision, soakMs }, view, product, nowMs }: Told,
): number {
  const jitterS = settings.pollIntervalS * settings.pollJitter * (2 * random() - 1);
  const intervalS = pollIntervalS(decision, {
    intervalS: settings.pollIntervalS + jitterS,
    spreadS: Math.abs(jitterS),
    hasOpenRollout: view.openRolloutsOf(product).length > 0,
    nowMs,
    soakMs,
  });
  return withinLimits(intervalS);
}
