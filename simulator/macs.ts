// The MACs of simulated boards: the same seed gives the same ones.

import { Random } from './random.ts';

/** Most boards of one fleet: the index takes two bytes of the MAC. */
export const MAX_FLEET = 65_536;

/**
 * The MACs of a fleet: prefix 02:07 (locally administered, IEEE 802-2014 section 8.2, so that no real board has one), two
 * bytes from the seed, two bytes of index. Throws a RangeError for more than MAX_FLEET.
 */
export function fleetMacs(seed: number, devices: number): readonly string[] {
  if (!(devices <= MAX_FLEET)) throw new RangeError(`a fleet has at most ${MAX_FLEET} devices, not ${devices}`);
  const ofSeed = new Random(seed).fork('macs').integer(0x1_0000);
  return Array.from({ length: devices }, (_, index) => {
    const bytes = [0x02, 0x07, ofSeed >> 8, ofSeed & 0xff, index >> 8, index & 0xff];
    return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  });
}
