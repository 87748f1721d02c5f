// What a firmware is still needed for, so that it cannot be removed: each with the command that ends that. It only reads.

import { isForEveryone } from '#engine/decision/target.ts';
import type { RolloutFacts } from '#engine/facts/model.ts';
import { findInFlightOf } from '#server/db/firmware/firmware-removal.ts';
import { listAfterwardsOf } from '#server/db/rollouts/open.ts';
import { listUnended, type Rollout } from '#server/db/rollouts/rollouts.ts';
import type { Firmware as FirmwareRow } from '#server/db/firmware/firmware.ts';
import type { Trx } from '#server/db/schema.ts';
import { toInstant } from '#server/time/instant.ts';
import type { CatalogView } from './catalog.ts';

export interface Need {
  /** After "firmware X 1.2.0 cannot be removed: ". */
  readonly text: string;
  readonly command: string;
}

/** `devices`: how many run it; `ledOn`: how many it leads on to a key that they do not know yet. */
export async function listNeeds(
  trx: Trx,
  view: CatalogView,
  row: FirmwareRow,
  { devices, ledOn }: { readonly devices: number; readonly ledOn: number },
  nowMs: number,
): Promise<readonly Need[]> {
  const unended = await listUnended(trx, row.id);
  const watched = await listAfterwardsOf(trx, row.id, nowMs);
  return [
    ...unended.map(unendedNeed),
    ...watched.map(watchedNeed),
    ...stableNeeds(view, row),
    ...(row.required === 1 ? [requiredNeed(row)] : []),
    ...(ledOn > 0 ? [steppingNeed(ledOn)] : []),
    ...(devices > 0 ? [runningNeed(row, devices)] : []),
    ...(await inFlightNeeds(trx, row)),
  ];
}

function unendedNeed({ name, status }: Rollout): Need {
  return { text: `rollout ${name} is ${status}`, command: `otter rollout abort ${name}` };
}

function watchedNeed({ name, watch_until_ms }: Rollout): Need {
  return {
    text: `rollout ${name} is watched until ${watch_until_ms === null ? 'its end' : toInstant(watch_until_ms)}`,
    command: `otter rollout show ${name}`,
  };
}

function requiredNeed({ product, version }: FirmwareRow): Need {
  return {
    text: 'older devices have to pass it',
    command: `otter firmware require ${version} --product ${product} --not`,
  };
}

function steppingNeed(boards: number): Need {
  const who = boards === 1 ? '1 board knows' : `${boards} boards know`;
  return {
    text: `${who} no release key of a newer build, and this one brings the next key: a stepping release`,
    command: 'otter key list',
  };
}

function runningNeed({ product, version }: FirmwareRow, devices: number): Need {
  return {
    text: `${devices} ${devices === 1 ? 'device runs' : 'devices run'} it`,
    command: `otter device list --product ${product} --version ${version}`,
  };
}

async function inFlightNeeds(trx: Trx, row: FirmwareRow): Promise<readonly Need[]> {
  const { devices, example } = await findInFlightOf(trx, row.id);
  if (devices === 0) return [];
  const who = `${devices} ${devices === 1 ? 'device is' : 'devices are'} in the middle of it, such as ${example ?? ''}`;
  return [{ text: who, command: `otter device show ${example ?? 'MAC'}` }];
}

/**
 * The stable build, and the one that boards go back to from there; of each chip, for a newer build may have no image for it. And
 * what went to some devices alone and is newer than the stable one: those follow it.
 */
function stableNeeds(view: CatalogView, { id, product, version }: FirmwareRow): readonly Need[] {
  const { images } = view.getFirmware(id);
  const completed = view.completedOf(product);
  const command = `otter rollout list --product ${product}`;
  const [stable, prior] = [0, 1].map((place) => images.some(({ chip }) => isAt(place, completed, chip, id)));
  const newest = completed.findIndex(isForEveryone);
  const isForSome = completed.some(
    (rollout, index) => rollout.firmware.id === id && !isForEveryone(rollout) && (newest < 0 || index < newest),
  );
  if (stable === true) return [{ text: `it is the stable build of ${product}: complete a newer one first`, command }];
  if (prior === true)
    return [{ text: `boards go back to it from the stable build of ${product}: complete a newer one first`, command }];
  return isForSome
    ? [
        {
          text: `it is the latest build of some devices of ${product}: complete a newer one than ${version} first`,
          command,
        },
      ]
    : [];
}

/** Whether this firmware has the place among the builds that went to everybody and have an image for the chip, the newest first. */
function isAt(place: number, completed: readonly RolloutFacts[], chip: string, firmwareId: number): boolean {
  const builds = completed
    .filter(
      (rollout) =>
        isForEveryone(rollout) &&
        rollout.firmware.images.some((image) => image.chip === chip && rollout.imageIds.includes(image.id)),
    )
    .map(({ firmware }) => firmware.id);
  return [...new Set(builds)][place] === firmwareId;
}
