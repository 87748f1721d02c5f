// Files that all servers of one database have in common: schedules.yaml and plans.yaml (docs/decisions/0024-shared-files.md).
// The first server brings a version; one that has another is refused with both named, unless it is plain that the file was
// changed on purpose. So no window is dropped because a server started with an untouched file.

import { createHash } from 'node:crypto';
import { OtterError } from '#protocol/errors.ts';
import { TICK_MS } from '#protocol/limits.ts';
import type { Database } from '#server/db/database.ts';
import { findPulse } from '#server/db/device/absences.ts';
import { addAudit } from '#server/db/events/audit.ts';
import type { Trx } from '#server/db/schema.ts';
import { findSharedFile, listSharedFiles, saveSharedFile, type SharedFile } from '#server/db/schedules/shared-files.ts';
import { toInstant } from '#server/time/instant.ts';
import { actorOf, FILE } from '#server/service/principal.ts';

/** A server that has not said for so long that it is here has stopped. */
const GONE_MS = 3 * TICK_MS;

/** Characters of a digest that are told. */
const SHOWN_DIGEST = 12;

/** A file as this server has it. */
export interface FileVersion {
  /** As people call it: `config/schedules.yaml`. */
  readonly name: string;
  readonly digest: string;
  /** How many schedules or plans are in it. */
  readonly entries: number;
}

export interface SharedFilesOptions {
  readonly database: Database;
  /** Host and home. */
  readonly server: string;
  /** Whether the files of this server are to replace those of the others. */
  readonly takesOver: boolean;
  readonly clock: () => number;
}

/** The same for files that say the same, whatever their comments and layout. `entries` are plain values, in any order. */
export function versionOf(name: string, entries: readonly { readonly name: string }[]): FileVersion {
  const sorted = entries.toSorted((left, right) => left.name.localeCompare(right.name, 'en'));
  const digest = createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
  return { name, digest, entries: entries.length };
}

export class SharedFiles {
  readonly #options: SharedFilesOptions;
  /** What this server has taken in, by name. */
  readonly #taken = new Map<string, FileVersion>();
  #hasOthers = true;

  constructor(options: SharedFilesOptions) {
    this.#options = options;
  }

  /** To be called before this server says for the first time that it is here. */
  async start(): Promise<void> {
    const { database, clock } = this.#options;
    const { aliveAtMs } = await findPulse(database.read);
    this.#hasOthers =
      database.dialect === 'postgres' && aliveAtMs !== undefined && Math.abs(clock() - aliveAtMs) < GONE_MS;
  }

  /**
   * Makes this version the common one, where it may be; call `taken` after the commit. `drops` says whether something that is
   * stored would go with it. Throws `file_differs`.
   */
  async take(trx: Trx, version: FileVersion, { drops }: { readonly drops: boolean }, nowMs: number): Promise<void> {
    const stored = await findSharedFile(trx, version.name);
    if (stored?.digest === version.digest) return;
    if (!this.#mayReplace(stored, version, drops)) throw differs(version, stored);
    const { server } = this.#options;
    await saveSharedFile(trx, { ...version, stored_at_ms: nowMs, stored_by: server });
    if (stored === undefined) return;
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(FILE),
      action: 'file.change',
      subject: version.name,
      details: { server, digest: version.digest, before: stored.digest, entries: version.entries },
    });
  }

  taken(version: FileVersion): void {
    this.#taken.set(version.name, version);
  }

  /** Throws `file_differs` where another server has changed this file since this one took it in. */
  async assertCurrent(name: string): Promise<void> {
    const mine = this.#taken.get(name);
    const stored = await findSharedFile(this.#options.database.read, name);
    if (mine !== undefined && stored !== undefined && stored.digest !== mine.digest) throw differs(mine, stored);
  }

  /** One line for each file of this server that is not the common one. */
  async warnings(): Promise<readonly string[]> {
    const stored = await listSharedFiles(this.#options.database.read);
    return stored.flatMap((file) => {
      const mine = this.#taken.get(file.name);
      if (mine === undefined || mine.digest === file.digest) return [];
      const { message, hint } = differs(mine, file);
      return [`${message}: ${hint}`];
    });
  }

  #mayReplace(stored: SharedFile | undefined, version: FileVersion, drops: boolean): boolean {
    const { server, takesOver } = this.#options;
    const isUntouched = version.entries === 0;
    const taken = this.#taken.get(version.name);
    // Somebody has changed the common file, here, under a running server.
    if (taken !== undefined)
      return stored === undefined || stored.digest === taken.digest || stored.stored_by === server;
    if (takesOver) return true;
    if (stored === undefined) return !(isUntouched && drops);
    if (stored.stored_by === server) return true;
    // All were stopped, and this one is the first with the new file; an untouched one says nothing of anybody's purpose.
    return !this.#hasOthers && !isUntouched;
  }
}

function differs(mine: FileVersion, stored: SharedFile | undefined): OtterError {
  const theirs =
    stored === undefined
      ? 'those that are stored came with an older version of Otter'
      : `${stored.stored_by} brought ${textOf(stored)} at ${toInstant(stored.stored_at_ms)}`;
  return new OtterError(
    'file_differs',
    `${mine.name} of this server has ${textOf(mine)}; for all servers of this database, ${theirs}`,
    'copy that file here; or, to replace it on purpose, start this server once with --take-over-files',
  );
}

function textOf({ entries, digest }: Pick<FileVersion, 'entries' | 'digest'>): string {
  return `${entries} ${entries === 1 ? 'entry' : 'entries'} (${digest.slice(0, SHOWN_DIGEST)})`;
}
