// What boards and people know this server by: its key, its certificate, its backup key, its tokens. They are changed on its own machine by commands that
// work on files (`otter cert`, `otter token`) or by hand, so it is the server that tells of a change in the audit: when it starts with
// it, or, of the backup key, when it sees it. Of a token it keeps the digest alone, and tells not even that.

import type { Logger } from 'pino';
import { addCredential, changeCredential, loadCredentials } from '#server/db/access/credentials.ts';
import { addAudit } from '#server/db/events/audit.ts';
import type { Database } from '#server/db/database.ts';
import { actorOf, FILE } from '#server/service/principal.ts';

export interface CredentialFacts {
  /** `spki:` and 64 hex digits. */
  readonly pin: string;
  /** SHA-256 of the certificate. */
  readonly certificate: string;
  /** SHA-256, hex. */
  readonly adminToken: string;
  readonly fleetToken: string;
  /** Undefined: there is none. */
  readonly formerFleetToken: string | undefined;
  /** As it is now: it may change while the server runs. */
  readonly backupKey: () => { readonly pin: string; readonly isStowed: boolean } | undefined;
}

const NAMES = [
  'key',
  'certificate',
  'backup_pin',
  'backup_key',
  'admin_token',
  'fleet_token',
  'former_fleet_token',
] as const;
type Name = (typeof NAMES)[number];
type Values = Readonly<Record<Name, string>>;

const NONE = 'none';

export class Credentials {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #facts: CredentialFacts;
  #noted: Values | undefined;

  constructor(database: Database, log: Logger, facts: CredentialFacts) {
    this.#database = database;
    this.#log = log;
    this.#facts = facts;
  }

  /** Tells what changed since a server of this database looked last. Where that cannot be told, it is tried again with the next tick. */
  async tick(nowMs: number): Promise<void> {
    try {
      const values = valuesOf(this.#facts);
      if (this.#noted !== undefined && NAMES.every((name) => this.#noted?.[name] === values[name])) return;
      await this.#note(values, nowMs);
      this.#noted = values;
    } catch (error) {
      this.#log.warn({ err: error }, 'what this server is known by could not be compared; it is tried again');
    }
  }

  async #note(values: Values, nowMs: number): Promise<void> {
    await this.#database.write(async (trx) => {
      const before = await loadCredentials(trx);
      const changed: Name[] = [];
      for (const name of NAMES) {
        const was = before.get(name);
        // What was never noted did not change: a new server, or one from before this was noted.
        if (was === undefined) await addCredential(trx, name, values[name]);
        else if (was !== values[name] && (await changeCredential(trx, name, was, values[name]))) changed.push(name);
      }
      for (const change of changesOf(changed, before, values))
        await addAudit(trx, { atMs: nowMs, actor: actorOf(FILE), ...change });
    });
  }
}

function valuesOf({ pin, certificate, adminToken, fleetToken, formerFleetToken, backupKey }: CredentialFacts): Values {
  const backup = backupKey();
  return {
    key: pin,
    certificate,
    backup_pin: backup?.pin ?? NONE,
    backup_key: backup === undefined ? NONE : backup.isStowed ? 'stowed' : 'here',
    admin_token: adminToken,
    fleet_token: fleetToken,
    former_fleet_token: formerFleetToken ?? NONE,
  };
}

interface Change {
  /** By the command that does it. */
  readonly action: string;
  readonly subject: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** One for each command: another key brings another certificate, and a new backup key is here. */
function changesOf(changed: readonly Name[], before: ReadonlyMap<string, string>, now: Values): readonly Change[] {
  const has = (name: Name): boolean => changed.includes(name);
  const changes: Change[] = [];
  if (has('key')) changes.push({ action: 'cert.rotate', subject: now.key, details: { before: before.get('key') } });
  else if (has('certificate'))
    changes.push({ action: 'cert.renew', subject: now.certificate, details: { before: before.get('certificate') } });
  if (has('backup_pin'))
    changes.push({ action: 'cert.backup', subject: now.backup_pin, details: { before: before.get('backup_pin') } });
  else if (has('backup_key'))
    changes.push({ action: now.backup_key === 'stowed' ? 'cert.stow' : 'cert.backup', subject: now.backup_pin });
  if (has('admin_token')) changes.push({ action: 'token.rotate', subject: 'admin' });
  if (has('fleet_token')) changes.push({ action: 'token.rotate', subject: 'fleet' });
  else if (has('former_fleet_token'))
    changes.push({
      // That an older one counts again is no doing of a command, and so much the more to be told.
      action: now.former_fleet_token === NONE ? 'token.retire' : 'token.accept',
      subject: 'former fleet',
    });
  return changes;
}
