// What no log, answer, event or database may hold: the secrets of a test server, and those that a test sends to it. Every test server
// looks for them in each answer, in all that it logged, and (but for processes, which tests kill) in its database when it ends.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { openRaw, type RawDatabase, type WithDatabase } from './raw-database.ts';

/** Of each, so much is looked for: the half of a token is one too many. */
const HALF = 2;
/** Tests of large fleets bring thousands of tokens; the first ones stand for all. */
const MOST = 50;

/** Shows the fleet token to whoever has the admin token: it is there to be put into a sketch. */
const SHOWS_TOKEN = /^\/api\/v1\/admin\/boards\/settings/;

interface ServerSecrets {
  readonly adminToken: string;
  readonly fleetToken: string;
  /** In PEM. */
  readonly privateKey: string;
}

export class Secrets {
  readonly #parts = new Map<string, string>();

  /** Those that a server has from its first start. */
  static of(server: ServerSecrets): Secrets {
    const secrets = new Secrets();
    secrets.add('the admin token', server.adminToken);
    secrets.add('the fleet token', server.fleetToken);
    secrets.add('the private key', server.privateKey.split('\n')[1] ?? '');
    return secrets;
  }

  add(what: string, secret: string): void {
    // One that a test made of a single letter stands anywhere.
    if (this.#parts.size >= MOST || new Set(secret).size < 10) return;
    const own = secret.replace(/^[a-z]{1,4}_/, '');
    this.#parts.set(own.slice(0, Math.ceil(own.length / HALF)), what);
  }

  /** Of a request: its token, and the one that a board brings. */
  addSent(token: string | undefined, body: Buffer | string | undefined): void {
    if (token !== undefined && /^otd_[\w-]+$/.test(token)) this.add('a device token', token);
    const brought = typeof body === 'string' ? /"token":"(otd_[\w-]{20,})"/.exec(body)?.[1] : undefined;
    if (brought !== undefined) this.add('a device token', brought);
  }

  /** Throws where one of them stands in it. */
  expectNotIn(where: string, text: string | Buffer): void {
    for (const [part, what] of this.#parts)
      if (text.includes(part)) throw new Error(`${what} stands in ${where}: ${aroundOf(text, part)}`);
  }

  async expectNotInDatabase(server: WithDatabase): Promise<void> {
    const { home, databaseUrl } = server;
    if (databaseUrl.startsWith('sqlite:')) {
      const file = join(home, databaseUrl.slice('sqlite:'.length));
      // Of one that was killed, or still runs, the newest is in the file beside it.
      for (const part of [file, `${file}-wal`])
        if (existsSync(part)) this.expectNotIn('the database', await readFile(part));
      return;
    }
    const raw = await openRaw(server);
    try {
      for (const { name, row } of await rowsWith([...this.#parts.keys()], raw))
        this.expectNotIn(`the table ${String(name)}`, withBytes(String(row)));
    } finally {
      await raw.close();
    }
  }

  expectNotInAnswer(path: string, body: Buffer): void {
    if (!SHOWS_TOKEN.test(path)) this.expectNotIn(`the answer of ${path}`, body);
  }
}

function aroundOf(text: string | Buffer, part: string): string {
  const at = text.indexOf(part);
  return text.toString('latin1').slice(Math.max(0, at - 200), at);
}

/**
 * Of each table of PostgreSQL a row in which one of these texts stands, in a column of any type: as text a row shows them all, and bytes
 * as hex. The database looks for all of them at once, so each row is read once and only what was found is sent.
 */
async function rowsWith(texts: readonly string[], raw: RawDatabase): ReturnType<RawDatabase['query']> {
  const tables = await raw.query(`select table_name as name from information_schema.tables
    where table_schema = current_schema() and table_type = 'BASE TABLE'`);
  const any = texts.flatMap((text) => [text.replaceAll(/[^\w-]/g, String.raw`\$&`), Buffer.from(text).toString('hex')]);
  const looks = tables.map(({ name }) => {
    const table = String(name);
    return `(select ${pg.escapeLiteral(table)} as name, t::text as row from ${pg.escapeIdentifier(table)} t
      where t::text ~ ${pg.escapeLiteral(any.join('|'))} limit 1)`;
  });
  return raw.query(looks.join(' union all '));
}

/** With what columns of bytes hold in place of their hex. */
function withBytes(row: string): string {
  return row.replaceAll(/\\x((?:[\da-f]{2})+)/g, (_, hex: string) => Buffer.from(hex, 'hex').toString('latin1'));
}
