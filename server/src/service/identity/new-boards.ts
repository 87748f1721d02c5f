// Bounds for boards that were never seen: so many in an hour, so many in all. Whoever holds the fleet token can make up boards; this is
// how many. Each server process counts for itself.

import { OtterError } from '#protocol/errors.ts';
import type { Call } from '#protocol/admin/status.ts';
import { countDevices } from '#server/db/fleet/devices.ts';
import { countIdentities } from '#server/db/identity/identities.ts';
import { countPendingBoards } from '#server/db/identity/pending-enrolments.ts';
import type { Reader } from '#server/db/schema.ts';
import type { Settings } from '#server/service/settings.ts';

const HOUR_MS = 3_600_000;
/** How long a count of all boards is believed. */
const COUNT_MS = 60_000;

export class NewBoards {
  readonly #limits: Settings['devices'];
  #hour = { sinceMs: Number.NEGATIVE_INFINITY, admitted: 0 };
  #total: { readonly counted: number; readonly atMs: number; admitted: number } | undefined;
  #refused = { atMs: Number.NEGATIVE_INFINITY, boards: 0, limit: '' };

  constructor(settings: Settings) {
    this.#limits = settings.devices;
  }

  /** Counts one more. Throws `too_many_boards`. */
  async admit(db: Reader, nowMs: number): Promise<void> {
    if (!(nowMs - this.#hour.sinceMs < HOUR_MS) || nowMs < this.#hour.sinceMs)
      this.#hour = { sinceMs: nowMs, admitted: 0 };
    const total = await this.#count(db, nowMs);
    if (total.counted + total.admitted >= this.#limits.most) throw this.#refuse('devices.max', nowMs, COUNT_MS);
    if (this.#hour.admitted >= this.#limits.newPerHour)
      throw this.#refuse('devices.new_per_hour', nowMs, this.#hour.sinceMs + HOUR_MS - nowMs);
    this.#hour.admitted += 1;
    total.admitted += 1;
  }

  /** For people: boards were refused within the last hour. */
  calls(nowMs: number): readonly Call[] {
    const { atMs, boards, limit } = this.#refused;
    if (!(nowMs - atMs < HOUR_MS)) return [];
    return [
      {
        kind: 'new_boards',
        rollout: null,
        text: `new boards were refused ${boards} times within the last hour: ${limit} of server.yml is reached`,
        commands: ['otter device list --sort -first_seen_at'],
      },
    ];
  }

  async #count(db: Reader, nowMs: number) {
    if (this.#total === undefined || !(nowMs - this.#total.atMs < COUNT_MS))
      this.#total = { counted: await countKnown(db), atMs: nowMs, admitted: 0 };
    return this.#total;
  }

  #refuse(limit: string, nowMs: number, waitMs: number): OtterError {
    const isNew = this.#refused.limit !== limit || !(nowMs - this.#refused.atMs < HOUR_MS);
    this.#refused = { atMs: nowMs, limit, boards: isNew ? 1 : this.#refused.boards + 1 };
    return new OtterError(
      'too_many_boards',
      `this server takes no more new boards now: ${limit} is reached`,
      `if these boards are yours, raise ${limit} in config/server.yml and restart the server`,
      { retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)) },
    );
  }
}

/** A board may have enrolled and never checked in, or the other way round; nearly all did both. */
async function countKnown(db: Reader): Promise<number> {
  return Math.max(await countDevices(db), await countIdentities(db)) + (await countPendingBoards(db));
}
