// What a check-in says of its board, together with what is remembered of it, and what is kept of that.

import type { CheckInFacts } from '#server/db/device/check-in-facts.ts';
import type { SelfDescription } from '#server/db/fleet/devices.ts';
import type { Sighting } from '#engine/assignment/assignment.ts';
import { remember, type RememberedHardware } from '#engine/facts/hardware.ts';
import type { DeviceName } from '#protocol/identity.ts';
import { SIMULATED_MACS, SIMULATOR_LIBRARY } from '#protocol/words.ts';
import { rememberedOf } from './facts.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import type { Speaker } from '#server/service/identity/speaker.ts';
import type { Measures } from './observation.ts';

/** A check-in as the edge read it: what it names canonical, telemetry already reduced to what makes sense. */
export interface CheckIn {
  /** By which it is found. */
  readonly name: DeviceName;
  readonly speaker: Speaker;
  readonly ip: string;
  readonly product: string;
  readonly chip: string | undefined;
  readonly slotBytes: number | undefined;
  readonly sighting: Sighting;
  readonly labelHints: readonly string[];
  /** What differs with every poll. */
  readonly telemetry: Measures;
  /** Everything else that the device says of itself, shown to operators as it is. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** With the row that it leaves: what is remembered of the board, this check-in included. */
export interface KnownCheckIn extends CheckIn {
  readonly described: Omit<SelfDescription, 'id'>;
}

export function merge(request: CheckIn, { device }: CheckInFacts, view: CatalogView): KnownCheckIn {
  const known = named(request, view);
  return { ...known, described: describe(known, remember(rememberedOf(device), known)) };
}

/** By the names of releases, where the board says what their app descriptors say; its own words stay among its attributes. */
function named(request: CheckIn, view: CatalogView): CheckIn {
  const { product, chip, sighting, attributes } = request;
  const { version, rolledBackFrom, imageSha256 } = sighting;
  const release = view.findRelease({ product, chip, currentVersion: version, imageSha256 });
  const left =
    rolledBackFrom === undefined
      ? undefined
      : view.findRelease({ product, chip, currentVersion: rolledBackFrom, imageSha256: undefined });
  if (release === undefined && left === undefined) return request;
  return {
    ...request,
    sighting: { ...sighting, version: release ?? version, rolledBackFrom: left ?? rolledBackFrom },
    attributes: release === undefined ? attributes : { ...attributes, reported_version: version },
  };
}

export const DESCRIBED = [
  'product',
  'ip',
  'current_version',
  'chip',
  'other_chip',
  'slot_bytes',
  'said_chip',
  'said_slot_bytes',
  'image_sha256',
  'on_trial',
  'attributes',
] as const satisfies readonly Exclude<keyof SelfDescription, 'id'>[];

function describe(request: CheckIn, memory: RememberedHardware): KnownCheckIn['described'] {
  return {
    product: request.product,
    ip: request.ip,
    current_version: request.sighting.version,
    chip: memory.chip ?? null,
    other_chip: memory.otherChip ?? null,
    slot_bytes: memory.slotBytes ?? null,
    said_chip: request.chip ?? null,
    said_slot_bytes: request.slotBytes ?? null,
    image_sha256: request.sighting.imageSha256 ?? null,
    on_trial: request.sighting.onTrial ? 1 : 0,
    attributes: JSON.stringify(request.attributes),
    is_simulated: isSimulated(request) ? 1 : 0,
  };
}

/** By what it says, or by the beginning of the MACs that simulated boards have. */
function isSimulated({ name, attributes }: CheckIn): boolean {
  const { library } = attributes;
  return name.text.startsWith(SIMULATED_MACS) || (typeof library === 'string' && library.startsWith(SIMULATOR_LIBRARY));
}
