// Which firmware a board should run, and whether it belongs to the open stage.

import { describe, expect, test } from 'vitest';
import { bucketOf } from '#engine/facts/bucket.ts';
import { imageFor, membership, stableFor, targetOf } from '#engine/decision/target.ts';
import {
  device,
  facts,
  firmware,
  imageFor as image,
  label,
  pilotRollout,
  rollout,
  stable,
  STAGE_OPENED_MS,
  stage,
} from '../sample-facts.ts';

describe('membership', () => {
  test.each([
    { labels: [], says: 'label_missing' },
    { labels: [label('shop')], says: 'label_missing' },
    { labels: [label('pilot', STAGE_OPENED_MS - 1)], says: 'member' },
    { labels: [label('pilot', STAGE_OPENED_MS)], says: 'member' },
    { labels: [label('pilot', STAGE_OPENED_MS + 1)], says: 'label_too_new' },
    { labels: [label('pilot', Number.NaN)], says: 'label_too_new' },
    { labels: [label('shop'), label('pilot')], says: 'member' },
  ])('of a board with labels $labels: $says', ({ labels, says }) => {
    expect(membership(pilotRollout('1.1.0'), { ...device, labels })).toBe(says);
  });

  test('of every board once the stage is for general', () => {
    expect(membership(rollout('1.1.0'), device)).toBe('member');
    expect(membership(rollout('1.1.0', { stageOpenedAtMs: Number.NaN }), device)).toBe('member');
  });

  test('of nobody while the stage has no instant of opening', () => {
    const unopened = pilotRollout('1.1.0', { stageOpenedAtMs: Number.NEGATIVE_INFINITY });
    expect(membership(unopened, { ...device, labels: [label('pilot', 0)] })).toBe('label_too_new');
  });

  test('counts a late label from the next stage on, when that stage opens after it', () => {
    const late = { ...device, labels: [label('pilot', STAGE_OPENED_MS + 1)] };
    expect(membership(pilotRollout('1.1.0', { stageOpenedAtMs: STAGE_OPENED_MS + 1 }), late)).toBe('member');
  });
});

describe('membership of a rollout with several stages', () => {
  const bucket = bucketOf(0, device.firstName);
  const below = Math.floor(bucket / 100);
  const opened = (...stages: readonly (readonly [string, number])[]) =>
    rollout('1.1.0', { opened: stages.map(([name, percentage]) => stage(name, percentage)) });

  test.each([
    { of: opened(['pilot', 100], ['general', below]), labels: [], says: 'bucket_later' },
    { of: opened(['pilot', 100], ['general', below + 1]), labels: [], says: 'member' },
    { of: opened(['pilot', 100], ['general', below]), labels: [label('pilot')], says: 'member' },
    { of: opened(['pilot', below], ['shop', 100]), labels: [label('pilot')], says: 'bucket_later' },
    { of: opened(['pilot', 100], ['shop', 100]), labels: [label('pilot', STAGE_OPENED_MS + 1)], says: 'label_too_new' },
    { of: opened(['pilot', 100], ['shop', 100]), labels: [label('lab')], says: 'label_missing' },
    { of: opened(['pilot', Number.NaN]), labels: [label('pilot')], says: 'bucket_later' },
    { of: opened(), labels: [label('pilot')], says: 'label_missing' },
  ])('$of.opened for labels $labels: $says', ({ of, labels, says }) => {
    expect(membership(of, { ...device, labels })).toBe(says);
  });
});

describe('the target', () => {
  const blocked = firmware('1.2.0', { blocked: true });

  test.each([
    { who: 'a member of the open stage', of: facts({ stable: stable('1.0.0') }), source: 'rollout', version: '1.1.0' },
    {
      who: 'a board outside of the open stage',
      of: facts({ rollout: pilotRollout('1.1.0'), stable: stable('1.0.0') }),
      source: 'stable',
      version: '1.0.0',
    },
    {
      who: 'a board without an open rollout',
      of: facts({ rollout: undefined, stable: stable('1.0.0') }),
      source: 'stable',
      version: '1.0.0',
    },
    {
      who: 'a board on a blocked build, member or not',
      of: facts({ running: blocked, stable: stable('1.0.0') }),
      source: 'prior_stable',
      version: '1.0.0',
    },
    { who: 'a member while nothing is stable', of: facts(), source: 'rollout', version: '1.1.0' },
  ])('of $who is $version', ({ of, source, version }) => {
    expect(targetOf(of)).toMatchObject({ source, rollout: { firmware: { version } } });
  });

  test('of a board on a blocked build without a prior stable one is the rollout that includes it, or none', () => {
    expect(targetOf(facts({ running: blocked }))).toMatchObject({ source: 'rollout' });
    expect(targetOf(facts({ running: blocked, rollout: pilotRollout('1.3.0') }))).toBeUndefined();
  });
});

test('the way back to a stable build that the board refuses leads over no required version either', () => {
  const running = firmware('1.0.0', { reverted: true, securityVersion: 1 });
  const required = firmware('1.2.0', { isRequired: true, securityVersion: 1 });
  const target = targetOf(
    facts({ running, rollout: undefined, stable: stable('1.3.0'), requiredVersions: [required] }),
  );
  expect(target).toMatchObject({ source: 'prior_stable', firmware: { version: '1.3.0' } });
});

describe('the image', () => {
  const both = [image('esp32', { id: 1 }), image('esp32s3', { id: 2 })];
  const says = (chip: string | undefined, ...rememberedChips: readonly string[]) => ({
    chip,
    rememberedChips,
    chipRevision: undefined,
  });

  test('is the one for the chip that the check-in names, whatever it named before', () => {
    expect(imageFor(both, says('esp32s3', 'esp32s3'))?.id).toBe(2);
    expect(imageFor(both, says('esp32s3', 'esp32s3', 'esp32'))?.id).toBe(2);
    expect(imageFor(both, says('esp32c3', 'esp32c3'))).toBeUndefined();
  });

  test('is the only one where the board does not name its chip, and none where there is a choice', () => {
    expect(imageFor([image('esp32')], says(undefined))?.chip).toBe('esp32');
    expect(imageFor(both, says(undefined))).toBeUndefined();
    expect(imageFor([], says(undefined))).toBeUndefined();
  });

  test('is none where a remembered chip speaks against it, and is never chosen by one', () => {
    expect(imageFor([image('esp32')], says(undefined, 'esp32'))?.chip).toBe('esp32');
    expect(imageFor([image('esp32')], says(undefined, 'esp32s3'))).toBeUndefined();
    expect(imageFor([image('esp32')], says(undefined, 'esp32', 'esp32s3'))).toBeUndefined();
    expect(imageFor(both, says(undefined, 'esp32'))).toBeUndefined();
  });

  test.each([
    { chipRevision: 0, id: 1 },
    { chipRevision: 299, id: 1 },
    { chipRevision: 300, id: 2 },
    { chipRevision: 301, id: 2 },
    { chipRevision: undefined, id: undefined },
  ])('of several for one chip is that of the newest revisions that the board has: $chipRevision', (row) => {
    const old = image('esp32', { id: 1 });
    const eco3 = image('esp32', { id: 2, minChipRevision: 300 });
    const board = { ...says('esp32'), chipRevision: row.chipRevision };
    expect(imageFor([old, eco3], board)?.id).toBe(row.id);
    expect(imageFor([eco3, old], board)?.id).toBe(row.id);
  });

  test('that is the only one for the chip is taken for any revision: the rules say whether it fits', () => {
    expect(imageFor([image('esp32', { minChipRevision: 300 })], { ...says('esp32'), chipRevision: 0 })?.id).toBe(1);
  });
});

describe('a board that knows release keys', () => {
  const build = (version: string, signedBy: readonly string[]) =>
    firmware(version, { images: [image('esp32', { signedBy })] });
  const next = rollout('1.2.0', { firmware: build('1.2.0', ['b']) });
  const step = stable('1.1.0', { firmware: build('1.1.0', ['a', 'b']) });
  const goesTo = (releaseKeys: readonly string[] | undefined, currentVersion = '1.0.0', completed = step) =>
    targetOf(facts({ device: { releaseKeys, currentVersion }, rollout: next, stable: completed }))?.firmware.version;

  test('goes to its rollout where it knows a key of that, or says nothing, or knows none', () => {
    expect([goesTo(['b']), goesTo(['a', 'b']), goesTo(undefined), goesTo([])]).toEqual(Array(4).fill('1.2.0'));
  });

  test('is led by the stable build where it knows a key of that alone, and not back to it', () => {
    expect(goesTo(['a'])).toBe('1.1.0');
    expect(goesTo(['a'], '1.1.0')).toBe('1.2.0');
    expect(goesTo(['c'])).toBe('1.2.0');
    expect(goesTo(['a'], '1.0.0', stable('1.1.0', { firmware: build('1.1.0', ['b']) }))).toBe('1.2.0');
  });

  test('follows the newest completed build that its keys signed', () => {
    const completed = [
      stable('1.3.0', { id: 13, firmware: build('1.3.0', ['b']) }),
      stable('1.2.0', { id: 12, firmware: build('1.2.0', ['a', 'b']) }),
      stable('1.1.0', { id: 11, firmware: build('1.1.0', ['a']) }),
    ];
    const follows = (releaseKeys: readonly string[] | undefined, signaturesNeeded = 1) =>
      stableFor(completed, { ...device, releaseKeys, signaturesNeeded }, undefined)?.firmware.version;
    expect(follows(['a'])).toBe('1.2.0');
    expect(follows(['a', 'b'])).toBe('1.3.0');
    expect(follows(['a', 'b'], 2)).toBe('1.2.0');
    expect(follows(undefined)).toBe('1.3.0');
    // None that fits: the newest, of which the rules say why.
    expect(follows(['c'])).toBe('1.3.0');
  });
});
