// Counts the statements that this process sends to its databases, of both kinds, for tests and benchmarks that say how many
// something may cost. What opens and ends a transaction is no statement here.

import { StatementSync } from 'node:sqlite';
import pg from 'pg';

const BEGIN = /^\s*(begin|start)/i;
const END = /^\s*(commit|rollback)/i;
const OTHER_FRAME = /^\s*(set|pragma|savepoint|release)/i;

export class Statements {
  #texts: string[] = [];
  #transaction: string[] | undefined;
  #transactions: (readonly string[])[] = [];

  /** Every statement since `reset`, in the order in which they were sent. */
  get texts(): readonly string[] {
    return this.#texts;
  }

  /** Those of each transaction that has ended since; of transactions that run at once they are not told apart. */
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

  note(sql: string): void {
    if (BEGIN.test(sql)) this.#transaction = [];
    else if (END.test(sql)) {
      if (this.#transaction !== undefined) this.#transactions.push(this.#transaction);
      this.#transaction = undefined;
    } else if (!OTHER_FRAME.test(sql)) {
      this.#texts.push(sql);
      this.#transaction?.push(sql);
    }
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

/** From now on, for as long as the process lives. */
export function countStatements(): Statements {
  const statements = new Statements();
  for (const name of ['all', 'run'] as const) {
    const real: unknown = Reflect.get(StatementSync.prototype, name);
    if (typeof real !== 'function') throw new Error(`StatementSync has no ${name}`);
    Object.defineProperty(StatementSync.prototype, name, {
      value(this: StatementSync, ...values: unknown[]): unknown {
        statements.note(this.sourceSQL);
        return Reflect.apply(real, this, values);
      },
    });
  }
  const query: unknown = Reflect.get(pg.Client.prototype, 'query');
  if (typeof query !== 'function') throw new Error('pg.Client has no query');
  Object.defineProperty(pg.Client.prototype, 'query', {
    value(this: pg.Client, ...values: unknown[]): unknown {
      const sql = textOf(values[0]);
      if (sql !== undefined) statements.note(sql);
      return Reflect.apply(query, this, values);
    },
  });
  return statements;
}

/** A statement comes as text, or as an object with it. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || !('text' in value)) return undefined;
  return typeof value.text === 'string' ? value.text : undefined;
}
