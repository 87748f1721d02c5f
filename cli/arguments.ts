// The values that people type, each read once and strictly: commander shows what is thrown here as a usage error with the
// option's name. Whether a name exists is the server's word, not decided here.

import { InvalidArgumentError } from '@commander-js/extra-typings';
import { MAX_POLL_INTERVAL_S, MIN_POLL_INTERVAL_S } from '#protocol/limits.ts';
import { parsePin, type Pin } from '#protocol/pinned-https.ts';
import { DEVICE_ID_PATTERN, givenNameFault, readMac } from '#protocol/identity.ts';
import { OTTER } from './program-place.ts';

/** A device: its id, its MAC in any spelling (upper case, dashes, dots, nothing between) as the canonical one, or its name. */
export function readDevice(text: string): string {
  const id = text.toLowerCase();
  if (new RegExp(DEVICE_ID_PATTERN).test(id)) return id;
  const mac = readMac(text);
  if (mac !== undefined) return mac;
  if (givenNameFault(text) !== undefined)
    throw new InvalidArgumentError(
      'A MAC address has 12 hex digits, for example 24:6f:28:aa:bb:cc; an id is dev-17; a name is one such as sensor-2.',
    );
  return text;
}

/** `3%`, `3` or `0.5 %` to a share of 0 to 1. */
export function readPercentage(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim());
  if (match === null) throw new InvalidArgumentError('It wants a percentage, for example 3%.');
  const percent = Number(match[1]);
  if (!(percent <= 100)) throw new InvalidArgumentError('A percentage is between 0% and 100%.');
  return percent / 100;
}

/** A whole number of at least 1. */
export function readCount(text: string): number {
  return readInteger(text, 1, 1_000_000);
}

/** Devices of a simulated fleet: two bytes of a simulated MAC count them. */
export function readDevices(text: string): number {
  return readInteger(text, 1, 65_536);
}

export function readSeed(text: string): number {
  return readInteger(text, 0, 0xffff_ffff);
}

export function readPort(text: string): number {
  return readInteger(text, 0, 65_535);
}

/** `45s`, `5m`, `2h`, `1d` or plain seconds, as seconds. */
export function readDuration(text: string): number {
  const match = /^(\d{1,7})\s*(s|m|min|h|d)?$/.exec(text.trim());
  if (match === null) throw new InvalidArgumentError('It wants a duration, for example 45s, 5m, 2h or 1d.');
  return Number(match[1]) * (SECONDS_PER_UNIT[match[2] ?? 's'] ?? Number.NaN);
}

/** When something ends: a duration from now, a day (its beginning, here) or a date with a time, as ISO 8601 in UTC. */
export function readUntil(text: string, nowMs: number): string {
  const typed = text.trim();
  if (/^\d{1,7}\s*(s|m|min|h|d)$/.test(typed)) return new Date(nowMs + readDuration(typed) * 1000).toISOString();
  // Without a time, JavaScript would take it for a day in UTC.
  const local = /^\d{4}-\d{2}-\d{2}$/.test(typed) ? `${typed}T00:00` : typed;
  const atMs = /^\d{4}-\d{2}-\d{2}T/.test(local) ? Date.parse(local) : Number.NaN;
  if (Number.isNaN(atMs))
    throw new InvalidArgumentError('It wants a duration or a date, for example 3d, 2026-12-24 or 2026-12-24T18:00.');
  return new Date(atMs).toISOString();
}

export interface LabelShare {
  readonly label: string;
  /** 0 to 1 of all devices. */
  readonly share: number;
}

/** `pilot=5%`, repeatable: each use adds to those before. */
export function readLabelShare(text: string, before: readonly LabelShare[] = []): readonly LabelShare[] {
  const [label = '', share, ...rest] = text.split('=');
  if (label === '' || share === undefined || rest.length > 0) {
    throw new InvalidArgumentError('It wants a label and its share, for example pilot=5%.');
  }
  if (before.some((one) => one.label === label)) throw new InvalidArgumentError(`Label ${label} is given twice.`);
  return [...before, { label, share: readPercentage(share) }];
}

export interface LabelCount {
  readonly label: string;
  readonly devices: number;
}

/** `pilot=20`, repeatable: each use adds to those before. */
export function readLabelCount(text: string, before: readonly LabelCount[] = []): readonly LabelCount[] {
  const [label = '', count, ...rest] = text.split('=');
  if (label === '' || count === undefined || rest.length > 0) {
    throw new InvalidArgumentError('It wants a label and how many devices have it, for example pilot=20.');
  }
  if (before.some((one) => one.label === label)) throw new InvalidArgumentError(`Label ${label} is given twice.`);
  return [...before, { label, devices: readInteger(count, 0, 65_536) }];
}

/** The time between two polls, within what a server may send. */
export function readPollInterval(text: string): number {
  const seconds = readDuration(text);
  if (!(seconds >= MIN_POLL_INTERVAL_S && seconds <= MAX_POLL_INTERVAL_S)) {
    throw new InvalidArgumentError(
      `It wants a duration from ${MIN_POLL_INTERVAL_S}s to ${MAX_POLL_INTERVAL_S / 3600}h.`,
    );
  }
  return seconds;
}

export function readPin(text: string): Pin {
  const pin = parsePin(text);
  if (pin === undefined) {
    throw new InvalidArgumentError(
      `A pin is spki: and 64 hex digits, as \`${OTTER} cert show\` prints it (curl writes sha256//BASE64).`,
    );
  }
  return pin;
}

/** The address of a server: https, a host, perhaps a port, nothing more. */
export function readServerUrl(text: string): URL {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw new InvalidArgumentError(`An address begins with https://, for example https://${text || 'localhost:8443'}.`);
  }
  const url = URL.parse(text);
  if (url === null) throw new InvalidArgumentError('It is not an address, for example https://localhost:8443.');
  if (url.protocol !== 'https:') throw new InvalidArgumentError('Otter speaks only https.');
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError('An address holds no user or password; pass the token with --token-file.');
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new InvalidArgumentError(`An address has no path, for example ${url.origin}.`);
  }
  return url;
}

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

function readInteger(text: string, least: number, most: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new InvalidArgumentError(`It wants a whole number from ${least} to ${most}.`);
  }
  return number;
}
