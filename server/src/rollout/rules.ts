// The rules of Otter, in order; the first that matches decides. This table is also the documentation (docs/rollout.md,
// compared by a test), the answer of `otter device explain` and the reason on the wire. What is unknown holds.

import { nextOfferAtMs } from './back-off.ts';
import { bucketOf } from './bucket.ts';
import type { BuildHistory, Facts, ImageFacts } from './model.ts';
import { imageFor, type Membership, membership, type Target, targetOf } from './target.ts';
import { compareVersions, isVersion } from './version.ts';

/** The facts with what follows from them, worked out once for all rules. */
export interface Case {
  readonly facts: Facts;
  readonly nowMs: number;
  readonly target: Target | undefined;
  readonly image: ImageFacts | undefined;
  /** Running version against target version: negative means that the device is behind. */
  readonly order: number | undefined;
  readonly history: BuildHistory | undefined;
  readonly nextOfferAtMs: number | undefined;
}

export interface Rule {
  readonly id: string;
  readonly outcome: 'hold' | 'install' | 'rollback';
  /** The condition in words, as the documentation prints it. */
  readonly when: string;
  readonly matches: (c: Case) => boolean;
  /** What the rule looked at, with the values of this device. */
  readonly saw: (c: Case) => string;
}

export const RULES = [
  {
    id: 'trial_running',
    outcome: 'hold',
    when: 'the device says that the build it runs is still on trial',
    matches: (c) => c.facts.device.onTrial,
    saw: (c) => `boot state ${c.facts.device.onTrial ? 'trial' : 'confirmed'}`,
  },
  {
    id: 'blocked_without_prior_stable',
    outcome: 'hold',
    when: 'the device runs a blocked build, no prior stable build exists, and it is in no open stage',
    matches: (c) => c.facts.running?.blocked === true && c.target === undefined,
    saw: (c) =>
      `runs ${runs(c)}${c.facts.running?.blocked === true ? ' (blocked)' : ''}; stable build: ${c.facts.stable?.firmware.version ?? 'none'}`,
  },
  {
    id: 'label_after_stage_opened',
    outcome: 'hold',
    when: 'the label of the open stage was put on the device after the stage had opened, and no stable build is newer than what it runs',
    matches: (c) => isOutside(c, 'label_too_new') && !isBehindStable(c),
    saw: stageFacts,
  },
  {
    id: 'percentage_not_reached',
    outcome: 'hold',
    when: 'the bucket of the device is above the percentage of the open stage, and no stable build is newer than what it runs',
    matches: (c) => isOutside(c, 'bucket_later') && !isBehindStable(c),
    saw: stageFacts,
  },
  {
    id: 'not_in_stage',
    outcome: 'hold',
    when: 'a rollout is open, the device is not in its stage, and no stable build is newer than what it runs',
    matches: (c) => isOutside(c, 'label_missing') && !isBehindStable(c),
    saw: stageFacts,
  },
  {
    id: 'nothing_to_offer',
    outcome: 'hold',
    when: 'the product has no open rollout and no stable build',
    matches: (c) => c.target === undefined,
    saw: (c) =>
      `product ${c.facts.device.product}; open rollout: ${c.facts.rollout?.name ?? 'none'}; stable build: ${c.facts.stable?.firmware.version ?? 'none'}`,
  },
  {
    id: 'up_to_date',
    outcome: 'hold',
    when: 'the device runs the target version',
    matches: (c) => c.order === 0 || c.facts.device.currentVersion === version(c),
    saw: (c) => `runs ${runs(c)}; target ${version(c)}`,
  },
  {
    id: 'version_unreadable',
    outcome: 'hold',
    when: 'the version that the device reports is not SemVer, so it has no place in the order',
    matches: (c) => !isVersion(c.facts.device.currentVersion),
    saw: (c) => `runs ${runs(c)}`,
  },
  {
    id: 'newer_than_target',
    outcome: 'hold',
    when: 'the device runs a newer version than the target, and the target is not its way home from a blocked build',
    matches: (c) => c.target?.source !== 'prior_stable' && !(c.order !== undefined && c.order < 0),
    saw: (c) => `runs ${runs(c)}; target ${version(c)}`,
  },
  {
    id: 'rollout_halted',
    outcome: 'hold',
    when: 'the rollout is halted: the gate of its stage failed',
    matches: (c) => c.target?.rollout.status === 'halted',
    saw: (c) => `rollout ${c.target?.rollout.name ?? 'none'} is ${c.target?.rollout.status ?? 'none'}`,
  },
  {
    id: 'rollout_paused',
    outcome: 'hold',
    when: 'the rollout is paused',
    matches: (c) => c.target?.rollout.status !== 'running' && c.target?.rollout.status !== 'complete',
    saw: (c) => `rollout ${c.target?.rollout.name ?? 'none'} is ${c.target?.rollout.status ?? 'none'}`,
  },
  {
    id: 'firmware_withdrawn',
    outcome: 'hold',
    when: 'the target build is blocked or no longer marked pilot ready',
    matches: (c) => c.target?.rollout.firmware.blocked !== false || !c.target.rollout.firmware.pilotReady,
    saw: (c) =>
      `target ${version(c)}: blocked ${c.target?.rollout.firmware.blocked}, pilot ready ${c.target?.rollout.firmware.pilotReady}`,
  },
  {
    id: 'window_closed',
    outcome: 'hold',
    when: 'a window applies and is closed (the way home from a blocked build needs no window)',
    matches: (c) => c.target?.source !== 'prior_stable' && c.facts.window !== undefined && !c.facts.window.open,
    saw: (c) => windowFacts(c),
  },
  {
    id: 'chip_unknown',
    outcome: 'hold',
    when: 'the device does not say its chip and the firmware has several images',
    matches: (c) => c.facts.device.chip === undefined && c.image === undefined,
    saw: (c) => `chip ${c.facts.device.chip ?? 'not reported'}; images: ${chips(c)}`,
  },
  {
    id: 'no_image_for_chip',
    outcome: 'hold',
    when: "the firmware has no image for the device's chip",
    matches: (c) => c.image === undefined,
    saw: (c) => `chip ${c.facts.device.chip ?? 'not reported'}; images: ${chips(c)}`,
  },
  {
    id: 'slot_too_small',
    outcome: 'hold',
    when: "the image is larger than the device's OTA slot",
    matches: (c) =>
      c.facts.device.slotBytes !== undefined && !((c.image?.sizeBytes ?? Number.NaN) <= c.facts.device.slotBytes),
    saw: (c) => `image ${c.image?.sizeBytes ?? 'none'} bytes; slot ${c.facts.device.slotBytes ?? 'not reported'}`,
  },
  {
    id: 'known_bad',
    outcome: 'hold',
    when: 'this build is known bad on this device: it was rolled back, or failed three times; an operator can clear it',
    matches: (c) => c.history?.knownBad !== false,
    saw: (c) =>
      `failed attempts ${c.history?.failedAttempts ?? 'unknown'}${c.history?.lastError === undefined ? '' : `, last error ${c.history.lastError}`}`,
  },
  {
    id: 'backing_off',
    outcome: 'hold',
    when: 'the last attempt failed less than its back-off ago (1 min, doubled with each failure, at most 6 h)',
    matches: (c) => c.nextOfferAtMs !== undefined && !(c.nextOfferAtMs <= c.nowMs),
    saw: (c) =>
      c.nextOfferAtMs === undefined
        ? 'no failed attempt'
        : `next offer in ${Math.max(0, Math.ceil((c.nextOfferAtMs - c.nowMs) / 1000))} s`,
  },
  {
    id: 'blocked_go_back',
    outcome: 'rollback',
    when: 'the device runs a blocked build: back to the prior stable one',
    matches: (c) => c.target?.source === 'prior_stable' && c.order !== undefined && c.order > 0,
    saw: (c) => `runs ${runs(c)}; prior stable ${version(c)}`,
  },
  {
    id: 'update',
    outcome: 'install',
    when: 'the device is behind the target version',
    matches: (c) => c.order !== undefined && c.order < 0,
    saw: (c) => `runs ${runs(c)}; target ${version(c)}`,
  },
  {
    id: 'unknown',
    outcome: 'hold',
    when: 'no rule matched: what is unknown holds',
    matches: () => true,
    saw: () => '',
  },
] as const satisfies readonly Rule[];

export type Reason = (typeof RULES)[number]['id'];

/** Works out target, image, order and history once; every rule reads the same case. */
export function caseOf(facts: Facts, nowMs: number): Case {
  const target = targetOf(facts);
  const firmware = target?.rollout.firmware;
  const history = firmware === undefined ? undefined : facts.historyOf(firmware.id);
  return {
    facts,
    nowMs,
    target,
    image: firmware === undefined ? undefined : imageFor(firmware.images, facts.device.chip),
    order: firmware === undefined ? undefined : compareVersions(facts.device.currentVersion, firmware.version),
    history,
    nextOfferAtMs: history === undefined ? undefined : nextOfferAtMs(history),
  };
}

function isOutside(c: Case, why: Exclude<Membership, 'member'>): boolean {
  return (
    c.facts.rollout !== undefined &&
    c.target?.source !== 'prior_stable' &&
    membership(c.facts.rollout, c.facts.device) === why
  );
}

function isBehindStable(c: Case): boolean {
  const stable = c.facts.stable?.firmware.version;
  const order = stable === undefined ? undefined : compareVersions(c.facts.device.currentVersion, stable);
  return order !== undefined && order < 0;
}

function runs(c: Case): string {
  return c.facts.device.currentVersion;
}

function version(c: Case): string {
  return c.target?.rollout.firmware.version ?? 'none';
}

function chips(c: Case): string {
  return c.target?.rollout.firmware.images.map(({ chip }) => chip).join(', ') ?? 'none';
}

function stageFacts(c: Case): string {
  const { rollout, device } = c.facts;
  if (rollout === undefined) return 'no open rollout';
  const labels = device.labels.map(({ name }) => name).join(', ') || 'none';
  const stages = rollout.opened.map(({ label, percentage }) => `${percentage} % of ${label}`).join(', ');
  const bucket = `bucket ${bucketOf(rollout.seed, device.mac)} of 10000`;
  return `rollout ${rollout.name} is at ${rollout.stage} for ${stages}; labels of the device: ${labels}; ${bucket} (${membership(rollout, device)})`;
}

function windowFacts(c: Case): string {
  const { window } = c.facts;
  if (window === undefined) return 'no window applies';
  return `window ${window.schedule} is ${window.open ? 'open' : 'closed'}`;
}
