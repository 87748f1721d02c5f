// Soft state: when a device was last seen and what it says of itself. Kept for up to a second and written in one batch, so
// that a poll that changes nothing costs no commit. Lost at most: the last second, which the next poll says again.

import type { Database } from '#server/db/database.ts';
import { saveSelfDescription, saveSightings, type SelfDescription, type Sighting } from '#server/db/devices.ts';
import type { Logger } from 'pino';

const FLUSH_INTERVAL_MS = 1_000;

/** Most devices of one statement: bounds its parameter to about half a megabyte. */
const MAX_BATCH = 1_000;

export class PresenceBuffer {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #sightings = new Map<number, Sighting>();
  readonly #descriptions = new Map<number, SelfDescription>();
  /** What is on its way to the database. */
  #writing: ReadonlyMap<number, Sighting> = new Map();
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;

  constructor(database: Database, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  /** `description` only where it is another than the stored one. Does nothing after `close`. */
  note(sighting: Sighting, description?: SelfDescription): void {
    if (this.#isClosed) return;
    this.#sightings.set(sighting.device_id, sighting);
    if (description !== undefined) this.#descriptions.set(description.id, description);
    // Back to what is stored, before another was written.
    else this.#descriptions.delete(sighting.device_id);
    this.#timer ??= setTimeout(() => {
      this.flush().catch((error: unknown) =>
        this.#log.warn({ err: error }, 'sightings could not be written; they are kept for the next try'),
      );
    }, FLUSH_INTERVAL_MS);
  }

  /** What was noted of the device and cannot be read from the database yet. */
  peek(deviceId: number): Sighting | undefined {
    return this.#sightings.get(deviceId) ?? this.#writing.get(deviceId);
  }

  /** Resolves when everything noted before is in the database. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#sightings.size === 0) return;
    this.#flushing = this.#writeAll().finally(() => {
      this.#flushing = undefined;
      this.#writing = new Map();
    });
    await this.#flushing;
  }

  /** The last flush, before the database is closed. What cannot be written now is lost, and the next polls say it again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush().catch((error: unknown) =>
      this.#log.warn({ err: error }, 'the last sightings could not be written'),
    );
    clearTimeout(this.#timer);
  }

  async #writeAll(): Promise<void> {
    this.#writing = new Map(this.#sightings);
    const sightings = [...this.#sightings.values()];
    this.#sightings.clear();
    for (let start = 0; start < sightings.length; start += MAX_BATCH) {
      const batch = sightings.slice(start, start + MAX_BATCH);
      const descriptions = batch.flatMap(({ device_id }) => this.#descriptions.get(device_id) ?? []);
      for (const { id } of descriptions) this.#descriptions.delete(id);
      try {
        await this.#database.writeSoft(async (trx) => {
          await saveSightings(trx, this.#database.dialect, batch);
          for (const description of descriptions) await saveSelfDescription(trx, description);
        });
      } catch (error) {
        this.#keep(sightings.slice(start), descriptions);
        throw error;
      }
    }
  }

  /** Back into the buffer, unless the device was seen again meanwhile. */
  #keep(sightings: readonly Sighting[], descriptions: readonly SelfDescription[]): void {
    for (const description of descriptions) {
      if (!this.#descriptions.has(description.id)) this.#descriptions.set(description.id, description);
    }
    for (const sighting of sightings) {
      if (!this.#sightings.has(sighting.device_id)) this.note(sighting);
    }
  }
}
