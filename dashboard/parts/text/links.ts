// Addresses of things, with what they need.

import { conditionText, type TextField } from './query-text.ts';

export function deviceHref(ref: string): string {
  return `/devices/${encodeURIComponent(ref)}`;
}

export function rolloutHref(name: string): string {
  return `/rollouts/${encodeURIComponent(name)}`;
}

/** In the query: the path would be that of an image. */
export function firmwareHref({ product, version }: { readonly product: string; readonly version: string }): string {
  return `/firmware?${new URLSearchParams({ product, version }).toString()}`;
}

/** The boards of which all of this is true. */
export function devicesHref(...conditions: readonly (readonly [field: TextField, value: string])[]): string {
  const q = conditions.map(([field, value]) => conditionText(field, value)).join(' ');
  return `/devices?${new URLSearchParams({ q }).toString()}`;
}

/** A part of a path as it was meant: the router leaves `%3A` and the like in it. */
export function fromPath(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
