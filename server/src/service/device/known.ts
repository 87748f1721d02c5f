// What a check-in says of its board, together with what is remembered of it, and what is kept of that.

import type { CheckInFacts } from '#server/db/device/check-in-facts.ts';
import type { SelfDescription } from '#server/db/fleet/devices.ts';
import type { Sighting } from '#engine/assignment/assignment.ts';
import { remember, type RememberedHardware } from '#engine/facts/hardware.ts';
import type { DeviceName } from '#protocol/identity.ts';
import { SIMULATED_MACS, SIMULATOR_LIBRARY } from '#protocol/words.ts';
import { rememberedOf } from './facts.ts';
import type { Measures } from './observation.ts';

/** A check-in as the edge read it: what it names canonical, telemetry already reduced to what makes sense. */
export interface CheckIn {
  /** By which it is found. */
  readonly name: DeviceName;
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

export function merge(request: CheckIn, { device }: CheckInFacts): KnownCheckIn {
  return { ...request, described: describe(request, remember(rememberedOf(device), request)) };
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
