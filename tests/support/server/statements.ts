// Counts the statements that this process sends to its databases, of both kinds, for tests and benchmarks that say how many
// something may cost. What opens and ends a transaction is no statement here.

import { StatementSync } from 'node:sqlite';
import pg from 'pg';

const BEGIN = /^\s*(begin|start)/i;
const END = /^\s*(commit|rollback)/i;
const OTHER_FRAME = /^\s*(set|pragma|savepoint|release)/i;

export class Statements {
  #texts: string[] = [];
  /** By the connection that it is on. */
  readonly #open = new Map<unknown, string[]>();
  #transactions: (readonly string[])[] = [];
  readonly #restore: (() => void)[] = [];

  /** Every statement since `reset`, in the order in which they were sent. */
  get texts(): readonly string[] {
    return this.#texts;
  }

  /** Those of each transaction that has ended since. */
  get transactions(): readonly (readonly string[])[] {
    return this.#transactions;
  }

  get reads(): number {
    return this.#texts.filter(isRead).length;
  }

  /** Presence, telemetry and the heartbeat apart. */
  get writes(): number {
    return this.#texts.filter((sql) => !isRead(sql) && !isSoft(sql)).length;
  }

  get soft(): number {
    return this.#texts.filter((sql) => isSoft(sql)).length;
  }

  note(sql: string, connection: unknown): void {
    const open = this.#open.get(connection);
    if (BEGIN.test(sql)) this.#open.set(connection, []);
    else if (END.test(sql)) {
      if (open !== undefined) this.#transactions.push(open);
      this.#open.delete(connection);
    } else if (!OTHER_FRAME.test(sql)) {
      this.#texts.push(sql);
      open?.push(sql);
    }
  }

  /** Notes what `textOf` says of each call of this method. */
  watch(
    prototype: object,
    name: string,
    textOfCall: (target: unknown, values: readonly unknown[]) => string | undefined,
  ): void {
    const real: unknown = Reflect.get(prototype, name);
    if (typeof real !== 'function') throw new Error(`there is no ${name} to watch`);
    // SQLite has one connection that writes.
    const connectionOf = (target: unknown): unknown => (target instanceof StatementSync ? 'sqlite' : target);
    const note = (sql: string, target: unknown): void => this.note(sql, connectionOf(target));
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value(this: unknown, ...values: unknown[]): unknown {
        const sql = textOfCall(this, values);
        if (sql !== undefined) note(sql, this);
        return Reflect.apply(real, this, values);
      },
    });
    this.#restore.push(() => {
      Object.defineProperty(prototype, name, { configurable: true, writable: true, value: real });
    });
  }

  /** The process runs what it ran before. */
  stop(): void {
    for (const restore of this.#restore) restore();
    this.#restore.length = 0;
  }

  reset(): void {
    this.#texts = [];
    this.#transactions = [];
  }
}

function isRead(sql: string): boolean {
  return /^\s*(select|with)/i.test(sql);
}

/** What a power cut may take, on its way to the database once a second or with a tick. */
export function isSoft(sql: string): boolean {
  return !isRead(sql) && /presence|telemetry|heartbeat/.test(sql);
}

/** From now on, until `stop`. */
export function countStatements(): Statements {
  const statements = new Statements();
  for (const name of ['all', 'run'] as const)
    statements.watch(StatementSync.prototype, name, (statement) =>
      statement instanceof StatementSync ? statement.sourceSQL : undefined,
    );
  statements.watch(pg.Client.prototype, 'query', (_, [first]) => textOf(first));
  return statements;
}

/** A statement comes as text, or as an object with it. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || !('text' in value)) return undefined;
  return typeof value.text === 'string' ? value.text : undefined;
}
