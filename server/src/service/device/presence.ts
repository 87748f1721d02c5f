// Soft state: when a device was last seen, what it says of itself, and how it fares. Kept for up to a second and written in
// one batch, so that a poll that changes nothing costs no commit. Lost at most: the last second, which the next poll says again.

import type { DeviceId } from '#protocol/identity.ts';
import { TELEMETRY_HOURS } from '#protocol/limits.ts';
import type { Database } from '#server/db/database.ts';
import { saveSelfDescription, saveSightings, type SelfDescription, type Sighting } from '#server/db/fleet/devices.ts';
import type { Trx } from '#server/db/schema.ts';
import { type DeviceHour, saveHours } from '#server/db/device/telemetry.ts';
import { addCheck, type HealthHour } from '#engine/outcome/health.ts';
import type { Logger } from 'pino';
import type { Note } from './observation.ts';

const FLUSH_INTERVAL_MS = 1_000;

/** Most devices of one statement: bounds its parameter to about half a megabyte. */
const MAX_BATCH = 1_000;

type OnChanged = (trx: Trx, deviceIds: readonly DeviceId[]) => Promise<void>;

export class PresenceBuffer {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #onChanged: OnChanged;
  readonly #sightings = new Map<number, Sighting>();
  readonly #descriptions = new Map<number, SelfDescription>();
  /** Of each device the checks of this hour, and of the one before where that has just ended. */
  readonly #hours = new Map<number, readonly HealthHour[]>();
  /** What is on its way to the database. */
  #writing: ReadonlyMap<number, Sighting> = new Map();
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;

  /** `onChanged` has its part in the transaction that changes what these devices say of themselves. */
  constructor(database: Database, log: Logger, onChanged: OnChanged) {
    this.#database = database;
    this.#log = log;
    this.#onChanged = onChanged;
  }

  /** `description` only where it is another than the stored one. Does nothing after `close`. */
  note({ sighting, health }: Note, description?: SelfDescription): void {
    if (this.#isClosed) return;
    const { device_id: id } = sighting;
    this.#sightings.set(id, sighting);
    this.#addHours(id, [...(this.#hours.get(id) ?? []), health]);
    if (description !== undefined) this.#descriptions.set(id, description);
    // Back to what is stored, before another was written.
    else this.#descriptions.delete(id);
    this.#flushSoon();
  }

  /** What was noted of the device and cannot be read from the database yet. */
  peek(deviceId: DeviceId): Sighting | undefined {
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

  #addHours(id: number, hours: readonly HealthHour[], most = TELEMETRY_HOURS): void {
    this.#hours.set(id, hours.reduce(addCheck, []).slice(-most));
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.flush().catch((error: unknown) =>
        this.#log.warn({ err: error }, 'sightings could not be written; they are kept for the next try'),
      );
    }, FLUSH_INTERVAL_MS);
  }

  async #writeAll(): Promise<void> {
    const sightings = [...this.#sightings.values()];
    this.#writing = new Map(this.#sightings);
    this.#sightings.clear();
    for (let start = 0; start < sightings.length; start += MAX_BATCH) {
      const batch = sightings.slice(start, start + MAX_BATCH);
      const descriptions = batch.flatMap(({ device_id }) => this.#descriptions.get(device_id) ?? []);
      const hours = batch.flatMap(({ device_id: deviceId }) =>
        (this.#hours.get(deviceId) ?? []).map((hour) => ({ deviceId, hour })),
      );
      for (const { device_id } of batch) {
        this.#descriptions.delete(device_id);
        this.#hours.delete(device_id);
      }
      try {
        await this.#database.writeSoft(async (trx) => {
          await saveSightings(trx, this.#database.dialect, batch);
          await saveHours(trx, this.#database.dialect, hours);
          for (const description of descriptions) await saveSelfDescription(trx, description);
          if (descriptions.length > 0)
            await this.#onChanged(
              trx,
              descriptions.map(({ id }) => id),
            );
        });
      } catch (error) {
        this.#keep(sightings.slice(start), descriptions, hours);
        throw error;
      }
    }
  }

  /** Back into the buffer; what the device said meanwhile stays. */
  #keep(sightings: readonly Sighting[], descriptions: readonly SelfDescription[], hours: readonly DeviceHour[]): void {
    if (this.#isClosed) return;
    for (const { deviceId, hour } of hours.toReversed())
      // Where nothing can be written for hours, the buffer does not grow with them.
      this.#addHours(deviceId, [hour, ...(this.#hours.get(deviceId) ?? [])], 2);
    for (const description of descriptions)
      // A later check without one said what is stored.
      if (!this.#sightings.has(description.id)) this.#descriptions.set(description.id, description);
    for (const sighting of sightings)
      if (!this.#sightings.has(sighting.device_id)) this.#sightings.set(sighting.device_id, sighting);
    this.#flushSoon();
  }
}
