// The rules of Otter, in order; the first that matches decides. This table is also the documentation (docs/rollout.md,
// compared by a test), the answer of `otter device explain` and the reason on the wire. What is unknown holds.

import {
  chips,
  DESCRIBING_LIBRARY,
  isOrderedOtherwise,
  isOutside,
  isStranded,
  isUnreleased,
  needsRevision,
  openLabels,
  openRollout,
  revisionText,
  rolloutName,
  runs,
  runsBuild,
  saysChip,
  stageFacts,
  version,
  windowFacts,
} from './case.ts';
import { acceptsSecurity } from './target.ts';
import { HARDWARE_RULES, SIGNATURE_RULES } from './image-rules.ts';
import { IDENTITY_RULES } from './identity-rules.ts';
import { HOLD_RULES } from './hold-rules.ts';
import { LIMIT_RULES } from './limit-rules.ts';
import { OFFER_RULES } from './offer-rules.ts';
import { knownBadEnds, releaseCommand, type Rule, takenBackFacts, waitText } from './rule-shape.ts';
import { isOrdered, versionFault } from '#protocol/device/version.ts';

export const RULES = [
  ...IDENTITY_RULES,
  {
    id: 'trial_running',
    outcome: 'hold',
    when: 'the device says that the build it runs is still on trial',
    matches: (c) => c.facts.device.onTrial,
    saw: (c) => `boot state ${c.facts.device.onTrial ? 'trial' : 'confirmed'}`,
    change: () => 'the device ends its trial by itself: it confirms the build or goes back',
  },
  {
    id: 'blocked_without_prior_stable',
    outcome: 'hold',
    when: 'the device runs a build that was blocked or reverted, no prior stable build exists, and no open stage has another one for it',
    matches: isStranded,
    saw: (c) => `runs ${runs(c)}${takenBackFacts(c)}; stable build: ${c.facts.stable?.firmware.version ?? 'none'}`,
    change: () => 'a rollout with a repaired build opens a stage that includes the device',
  },
  {
    id: 'label_after_stage_opened',
    outcome: 'hold',
    when: 'the label of the open stage was added to the device after the stage had opened, and no stable build is newer than what it runs',
    matches: (c) => isOutside(c, 'label_too_new'),
    saw: stageFacts,
    change: (c) => `the next stage of ${openRollout(c)} opens`,
  },
  {
    id: 'percentage_not_reached',
    outcome: 'hold',
    when: 'the bucket of the device is above the percentage of the open stage, and no stable build is newer than what it runs',
    matches: (c) => isOutside(c, 'bucket_later'),
    saw: stageFacts,
    change: (c) => `a stage of ${openRollout(c)} with a larger percentage opens`,
  },
  {
    id: 'not_in_stage',
    outcome: 'hold',
    when: 'a rollout is open, the device is not in its stage, and no stable build is newer than what it runs',
    matches: (c) => isOutside(c, 'label_missing'),
    saw: stageFacts,
    change: (c) =>
      `a stage of ${openRollout(c)} for the device opens, or it has ${openLabels(c)} when the next stage opens`,
  },
  {
    id: 'nothing_to_offer',
    outcome: 'hold',
    when: 'the product has no open rollout and no stable build',
    matches: (c) => c.target === undefined,
    saw: (c) =>
      `product ${c.facts.device.product}; open rollout: ${c.facts.rollout?.name ?? 'none'}; stable build: ${c.facts.stable?.firmware.version ?? 'none'}`,
    change: (c) => `a rollout of product ${c.facts.device.product} is started`,
  },
  {
    id: 'up_to_date',
    outcome: 'hold',
    when: 'the device runs the target build, or names its digest as that of the image it runs',
    matches: (c) => c.match === 'runs_it' || c.match === 'other_name',
    saw: (c) => `runs ${runsBuild(c)}; target ${version(c)}`,
    change: () => 'a rollout with a newer version includes the device',
  },
  {
    id: 'other_build',
    outcome: 'hold',
    when: 'the device runs another build of the target version: it says this version, and a digest that no image of it has',
    matches: (c) => c.match === 'other_build',
    saw: (c) => `runs ${runsBuild(c)}; target ${version(c)}`,
    change: (c) =>
      `a version above ${version(c)} is rolled out, or the device is flashed with the image of ${version(c)}`,
  },
  {
    id: 'version_unreadable',
    outcome: 'hold',
    when: 'the version that the device reports is not SemVer, so it has no place in the order',
    matches: (c) => !isOrdered(c.facts.device.currentVersion),
    saw: (c) => `runs ${runs(c)}: ${versionFault(runs(c)) ?? 'SemVer'}`,
    change: () =>
      'the device is flashed once by cable with a build whose version is SemVer, such as 1.4.0 (PROJECT_VER or version.txt in ESP-IDF, OTTER_FIRMWARE in a sketch); or its client sends the image_sha256 of a build that is uploaded here',
  },
  {
    id: 'versions_unordered',
    outcome: 'hold',
    when: 'the device runs another state of the source that is as many commits after the same tag as the target: neither is newer',
    matches: (c) => c.order === undefined,
    saw: (c) => `runs ${runs(c)}; target ${version(c)}`,
    change: (c) => `a version with a tag or a commit after ${runs(c)} is rolled out`,
  },
  {
    id: 'newer_than_target',
    outcome: 'hold',
    when: 'the device runs a newer version than the target, and the target is not its way back from a build that was taken back',
    matches: (c) => c.target?.source !== 'prior_stable' && !(c.order !== undefined && c.order < 0),
    saw: (c) => `runs ${runs(c)}; target ${version(c)}`,
    change: (c) => `a version above ${runs(c)} is rolled out, or firmware ${runs(c)} is blocked, which takes it back`,
  },
  {
    id: 'board_orders_otherwise',
    outcome: 'hold',
    when: 'the device would refuse the target as a downgrade: its client orders what `git describe` writes as a pre-release of the tag',
    matches: isOrderedOtherwise,
    saw: (c) => `runs ${runs(c)}; target ${version(c)}; library ${c.facts.device.library ?? 'not reported'}`,
    change: (c) =>
      `a release with a plain version above ${runs(c)} is rolled out, or the device runs OtterOTA ${DESCRIBING_LIBRARY} or later`,
  },
  ...HOLD_RULES,
  {
    id: 'rollout_halted',
    outcome: 'hold',
    when: 'the rollout is halted: the gate of its stage failed',
    matches: (c) => c.target?.rollout.status === 'halted',
    saw: (c) => `rollout ${c.target?.rollout.name ?? 'none'} is ${c.target?.rollout.status ?? 'none'}`,
    change: (c) => `a person resumes ${rolloutName(c)} with a reason, or aborts it and rolls out a repaired build`,
  },
  {
    id: 'rollout_paused',
    outcome: 'hold',
    when: 'the rollout is paused',
    matches: (c) => c.target?.rollout.status !== 'running' && c.target?.rollout.status !== 'complete',
    saw: (c) => `rollout ${c.target?.rollout.name ?? 'none'} is ${c.target?.rollout.status ?? 'none'}`,
    change: (c) => `a person resumes ${rolloutName(c)}`,
  },
  {
    id: 'firmware_withdrawn',
    outcome: 'hold',
    when: 'the target build, or the required version on the way there, is blocked or no longer marked pilot ready',
    matches: (c) => c.target?.firmware.blocked !== false || !c.target.firmware.pilotReady,
    saw: (c) =>
      `target ${version(c)}: blocked ${c.target?.firmware.blocked}, pilot ready ${c.target?.firmware.pilotReady}`,
    change: (c) =>
      c.target?.firmware.isRequired === true
        ? `firmware ${version(c)} is unblocked and pilot ready, or no longer a required version`
        : `firmware ${version(c)} is unblocked and marked pilot ready`,
  },
  {
    id: 'window_closed',
    outcome: 'hold',
    when: 'a window applies and is closed (the way back from a build that was taken back needs no window, a device that is offered now neither)',
    matches: (c) =>
      c.target?.source !== 'prior_stable' && !c.isOfferedNow && c.facts.window !== undefined && !c.facts.window.open,
    saw: windowFacts,
    change: (c) => `window ${c.facts.window?.name ?? ''} opens${waitText(c.facts.window?.opensAtMs, c.nowMs)}`,
  },
  {
    id: 'chip_unknown',
    outcome: 'hold',
    when: 'the check-in does not name the chip, and there are several images, or it named another chip before',
    matches: (c) => c.facts.device.chip === undefined && c.image === undefined,
    saw: (c) => `chip ${saysChip(c)}; images: ${chips(c)}`,
    change: () => 'the device names its chip with its check: what it named before chooses no image',
  },
  {
    id: 'chip_revision_unknown',
    outcome: 'hold',
    when: 'the check-in does not say the revision of the chip, and there are several images for the chip',
    matches: needsRevision,
    saw: (c) => `chip ${saysChip(c)}, revision ${revisionText(c.facts.device.chipRevision)}; images: ${chips(c)}`,
    change: () => 'the device sends chip_revision with its check',
  },
  {
    id: 'image_not_released',
    outcome: 'hold',
    when: "the image for the device's chip was added after the rollout had started: it waits for a rollout of its own",
    matches: isUnreleased,
    saw: (c) => `chip ${saysChip(c)}; images of rollout ${rolloutName(c)}: ${chips(c)}`,
    change: releaseCommand,
  },
  {
    id: 'no_image_for_chip',
    outcome: 'hold',
    when: "the firmware has no image for the device's chip",
    matches: (c) => c.image === undefined,
    saw: (c) => `chip ${saysChip(c)}; images: ${chips(c)}`,
    change: (c) => `an image of ${version(c)} for ${c.facts.device.chip ?? 'its chip'} is uploaded`,
  },
  ...HARDWARE_RULES,
  ...SIGNATURE_RULES,
  {
    id: 'security_version_lower',
    outcome: 'hold',
    when: 'the target has a lower security version than the build that the device runs, so the device would refuse it',
    matches: (c) => c.target !== undefined && !acceptsSecurity(c.target.firmware, c.facts.running),
    saw: (c) =>
      `security version of ${version(c)}: ${c.target?.firmware.securityVersion ?? 'none'}; of what it runs: ${c.facts.running?.securityVersion ?? 'unknown'}`,
    change: (c) =>
      `a build with a security version of at least ${c.facts.running?.securityVersion ?? 0} is rolled out to the device`,
  },
  {
    id: 'slot_too_small',
    outcome: 'hold',
    when: "the image is larger than the device's OTA slot",
    matches: (c) =>
      c.facts.device.slotBytes !== undefined && !((c.image?.sizeBytes ?? Number.NaN) <= c.facts.device.slotBytes),
    saw: (c) => `image ${c.image?.sizeBytes ?? 'none'} bytes; slot ${c.facts.device.slotBytes ?? 'not reported'}`,
    change: (c) => `a build of at most ${c.facts.device.slotBytes ?? 0} bytes, or a partition table with larger slots`,
  },
  {
    id: 'known_bad',
    outcome: 'hold',
    when: 'this build is known bad on this device: one proof against it or three strikes; an operator can clear it for one more try',
    matches: (c) => c.history?.knownBad !== false,
    saw: (c) =>
      `failed attempts ${c.history?.failedAttempts ?? 'unknown'}${c.history?.lastError === undefined ? '' : `, last error ${c.history.lastError}`}`,
    change: knownBadEnds,
  },
  {
    id: 'backing_off',
    outcome: 'hold',
    when: 'the last attempt failed less than its back-off ago (1 min, doubled with each failure, at most 6 h), and no operator has it offered now',
    matches: (c) => c.nextOfferAtMs !== undefined && !c.isOfferedNow && !(c.nextOfferAtMs <= c.nowMs),
    saw: (c) =>
      c.nextOfferAtMs === undefined
        ? 'no failed attempt'
        : `next offer in ${Math.max(0, Math.ceil((c.nextOfferAtMs - c.nowMs) / 1000))} s`,
    change: (c) => `its rest ends${waitText(c.nextOfferAtMs, c.nowMs)}; the device then tries again by itself`,
  },
  ...LIMIT_RULES,
  ...OFFER_RULES,
  {
    id: 'unknown',
    outcome: 'hold',
    when: 'no rule matched: what is unknown holds',
    matches: () => true,
    saw: () => '',
    change: () => 'a fact is missing; this is a mistake of Otter, please report it',
  },
] as const satisfies readonly Rule[];

export type Reason = (typeof RULES)[number]['id'];
