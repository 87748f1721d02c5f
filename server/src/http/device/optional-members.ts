// An optional member of a check-in that cannot be read is dropped and named in the log; it never loses the check-in, for a
// board that is refused cannot be mended from afar. The schema says what boards should send; this runs before it is
// checked. A product is never dropped: the board would be taken for one of another product.

import type { FastifyRequest } from 'fastify';
import { Compile } from 'typebox/compile';
import { CheckUpdateRequest } from '#protocol/device/api.ts';
import { MAX_LABEL_HINTS } from '#protocol/limits.ts';

type Members = Readonly<Record<string, unknown>>;

interface Read {
  readonly members: Members;
  /** Names of those that were dropped, in whole or in part. */
  readonly dropped: readonly string[];
}

const { chip, slot_bytes, image_sha256, labels, boot, postponed } = CheckUpdateRequest.properties;
const { state, reason, rolled_back_from, rollback_capable } = boot.properties;

const CHECKS = {
  chip: Compile(chip),
  slot_bytes: Compile(slot_bytes),
  image_sha256: Compile(image_sha256),
  postponed: Compile(postponed),
};
const BOOT_CHECKS = {
  state: Compile(state),
  reason: Compile(reason),
  rolled_back_from: Compile(rolled_back_from),
  rollback_capable: Compile(rollback_capable),
};
const HINT = Compile(labels.items);

/** A hook before the schema is checked; a body that is no object is left to that check. */
export function dropUnreadable(request: FastifyRequest, _reply: unknown, done: () => void): void {
  if (isMembers(request.body)) {
    const { members, dropped } = readCheckInMembers(request.body);
    if (dropped.length > 0) {
      request.body = members;
      request.warnings = dropped;
    }
  }
  done();
}

function readCheckInMembers(body: Members): Read {
  const plain = readMembers(body, CHECKS);
  const hints = readHints(body['labels']);
  const started = readBoot(body['boot']);
  return {
    members: { ...plain.members, ...hints.members, ...started.members },
    dropped: [...plain.dropped, ...hints.dropped, ...started.dropped],
  };
}

/** Every member, but undefined for one that its check does not take. */
function readMembers(members: Members, checks: Readonly<Record<string, { Check(value: unknown): boolean }>>): Read {
  const dropped = Object.entries(checks)
    .filter(([name, check]) => members[name] !== undefined && !check.Check(members[name]))
    .map(([name]) => name);
  return { members: { ...members, ...blank(dropped) }, dropped };
}

function readHints(sent: unknown): Read {
  if (sent === undefined) return { members: {}, dropped: [] };
  if (!Array.isArray(sent)) return { members: blank(['labels']), dropped: ['labels'] };
  const kept = sent.filter((hint) => HINT.Check(hint)).slice(0, MAX_LABEL_HINTS);
  return { members: { labels: kept }, dropped: kept.length < sent.length ? ['labels'] : [] };
}

function readBoot(sent: unknown): Read {
  if (sent === undefined) return { members: {}, dropped: [] };
  if (!isMembers(sent)) return { members: blank(['boot']), dropped: ['boot'] };
  const { members, dropped } = readMembers(sent, BOOT_CHECKS);
  return { members: { boot: members }, dropped: dropped.map((name) => `boot.${name}`) };
}

/** As if these had not been sent. */
function blank(names: readonly string[]): Members {
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
