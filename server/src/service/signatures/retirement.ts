// What speaks against retiring a release key: boards and builds that have no other. Pure.

import type { KeyHolders } from '#server/db/firmware/release-keys.ts';
import { isForProduct } from '#server/db/firmware/signatures.ts';
import type { NeededBuild } from './needed-builds.ts';

export interface HeldKeys {
  readonly product: string;
  /** Undefined: the boards do not say which keys they know. */
  readonly keys: readonly string[] | undefined;
  readonly needed: number;
  readonly devices: number;
  /** The list as it was said, by which these boards are found. */
  readonly release_keys: string | null;
}

export interface KeyUse {
  /** Boards that know the key. */
  readonly devices: number;
  /** Of them, those that no other trusted key can reach. */
  readonly dependent: number;
  /** Boards of its products that do not say which keys they know. */
  readonly unknown: number;
  /** Both, by what they say. */
  readonly inTheWay: readonly HeldKeys[];
  /** Why it is needed, in sentences; empty: it can be retired. */
  readonly reasons: readonly string[];
}

/** A list that cannot be read says nothing. */
export function heldKeysOf({ product, release_keys, needed, devices }: KeyHolders): HeldKeys {
  const keys: unknown = release_keys === null ? undefined : JSON.parse(release_keys);
  return {
    product,
    keys: Array.isArray(keys) ? keys.map(String) : undefined,
    needed: needed ?? 1,
    devices,
    release_keys,
  };
}

/** `others`: ids of the keys that stay trusted, by product. */
export function keyUseOf(
  key: { readonly key_id: string; readonly product: string },
  holders: readonly HeldKeys[],
  needed: readonly NeededBuild[],
  others: (product: string) => readonly string[],
): KeyUse {
  const ofKey = holders.filter(({ product }) => isForProduct(key.product, product));
  const knowing = ofKey.filter(({ keys }) => keys?.includes(key.key_id) === true);
  const isReached = ({ product, keys, needed: count }: HeldKeys): boolean =>
    others(product).filter((other) => keys?.includes(other) === true).length >= count;
  const unreached = knowing.filter((held) => !isReached(held));
  const silent = ofKey.filter(({ keys }) => keys === undefined);
  const [dependent, unknown] = [sum(unreached), sum(silent)];
  const builds = needed.filter(
    ({ firmware: { product }, image }) =>
      isForProduct(key.product, product) &&
      image.signedBy.includes(key.key_id) &&
      !image.signedBy.some((signer) => others(product).includes(signer)),
  );
  const last = [...new Set([...ofKey, ...builds.map(({ firmware }) => firmware)].map(({ product }) => product))].filter(
    (product) => others(product).length === 0,
  );
  return {
    devices: sum(knowing),
    dependent,
    unknown,
    inTheWay: [...unreached, ...silent],
    reasons: [
      ...(dependent > 0
        ? [`${dependent === 1 ? '1 board knows' : `${dependent} boards know`} no other trusted key`]
        : []),
      ...(unknown > 0
        ? [
            `${unknown === 1 ? '1 board does' : `${unknown} boards do`} not say which keys ${unknown === 1 ? 'it knows' : 'they know'}`,
          ]
        : []),
      ...builds.map(
        ({ firmware, image }) =>
          `${firmware.product} ${firmware.version} for ${image.folder} is signed by no other trusted key`,
      ),
      ...last.map((product) => `product ${product} has no other trusted key`),
    ],
  };
}

function sum(holders: readonly HeldKeys[]): number {
  return holders.reduce((total, { devices }) => total + devices, 0);
}
