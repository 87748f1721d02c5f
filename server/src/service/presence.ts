// Soft state: when a device was last seen and what it says of itself. Kept for up to a second and written in one batch, so
// that a poll that changes nothing costs no commit. Lost at most: the last second, which the next poll says again.

import type { Database } from '#server/db/database.ts';
import { type Presence, savePresence } from '#server/db/devices.ts';
import type { Logger } from 'pino';

const FLUSH_INTERVAL_MS = 1_000;

/** Most devices of one statement: bounds its parameter to about half a megabyte. */
const MAX_BATCH = 1_000;

export class PresenceBuffer {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #pending = new Map<number, Presence>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;

  constructor(database: Database, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  note(presence: Presence): void {
    this.#pending.set(presence.id, presence);
    this.#timer ??= setTimeout(() => {
      this.flush().catch((error: unknown) =>
        this.#log.warn({ error }, 'sightings could not be written; they are kept for the next try'),
      );
    }, FLUSH_INTERVAL_MS);
  }

  /** Resolves when everything noted before is in the database. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#pending.size === 0) return;
    this.#flushing = this.#writeAll().finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
  }

  async #writeAll(): Promise<void> {
    const noted = [...this.#pending.values()];
    this.#pending.clear();
    for (let start = 0; start < noted.length; start += MAX_BATCH) {
      const batch = noted.slice(start, start + MAX_BATCH);
      try {
        await this.#database.write(async (trx) => savePresence(trx, this.#database.dialect, batch));
      } catch (error) {
        this.#keep(noted.slice(start));
        throw error;
      }
    }
  }

  /** Back into the buffer, unless the device was seen again meanwhile. */
  #keep(batch: readonly Presence[]): void {
    for (const presence of batch) {
      if (!this.#pending.has(presence.id)) this.note(presence);
    }
  }
}
