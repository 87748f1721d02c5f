// TLS sessions are resumed after a restart, and by every server of one database: a board that asks again spares itself and the server
// the costly part of the handshake. The key that makes it possible is random, kept in the database for a week and then forgotten,
// so that whoever takes it later reads no session of weeks before. It is mixed with the pin: a server that went over to another key resumes
// nothing that was begun under the one before.

import { createHmac, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { keepTicketKey } from '#server/db/access/ticket-keys.ts';
import type { Database } from '#server/db/database.ts';

/** For so long a session can be resumed; TLS 1.3 allows no more (RFC 8446, 4.6.1). */
export const TICKET_WEEK_S = 604_800;

/** As OpenSSL takes it: a name, and a key each to encrypt and to sign. */
const KEY_BYTES = 48;

export class TicketKeys {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #pin: string;
  #week: number | undefined;
  #key: Buffer | undefined;
  #use: ((key: Buffer) => void) | undefined;

  /** `pin`: of the key that this server shows. */
  constructor(database: Database, log: Logger, pin: string) {
    this.#database = database;
    this.#log = log;
    this.#pin = pin;
  }

  /** Whoever ends TLS is told the key now, where there is one, and each new one. */
  serve(use: (key: Buffer) => void): void {
    this.#use = use;
    if (this.#key !== undefined) use(this.#key);
  }

  /** Takes the key of this week. Where it cannot be had, sessions are resumed by this process alone, until the next tick. */
  async tick(nowMs: number): Promise<void> {
    const week = Math.floor(nowMs / (TICKET_WEEK_S * 1000));
    if (week === this.#week) return;
    try {
      const fresh = randomBytes(KEY_BYTES).toString('hex');
      const key = await this.#database.write(async (trx) => keepTicketKey(trx, week, fresh));
      // SHA-384 gives just as many bytes as are needed.
      this.#key = createHmac('sha384', Buffer.from(key, 'hex')).update(this.#pin).digest();
      this.#week = week;
      this.#use?.(this.#key);
    } catch (error) {
      this.#log.warn({ err: error }, 'the key of TLS sessions could not be read; it is tried again');
    }
  }
}
