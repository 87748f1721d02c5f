// Configurations that release keys signed, one for each product: the latest. What boards say of them stands with the boards.

import { type Selectable, sql } from 'kysely';
import { Value } from 'typebox/value';
import { Configuration } from '#protocol/device/configuration.ts';
import { NO_EXPIRY, readSignedInstant } from '#protocol/device/canonical-text.ts';
import type { ConfigurationsTable } from '#server/db/firmware-tables.ts';
import type { Dialect } from '#server/db/database.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import { isForProduct, type TrustedKey } from './signatures.ts';

export interface StoredConfiguration {
  readonly configuration: Configuration;
  /** Of those who signed it, the trusted ones. */
  readonly signedBy: readonly string[];
  /** Infinity: never. */
  readonly expiresAtMs: number;
  readonly sentAtMs: number;
  readonly sentBy: string;
}

/** By product. One that cannot be read, or that no trusted key signed, is none: nobody knows who changed it. */
export async function loadConfigurations(
  db: Reader,
  trusted: readonly TrustedKey[],
): Promise<ReadonlyMap<string, StoredConfiguration>> {
  const rows = await db.selectFrom('configurations').selectAll().orderBy('product').execute();
  const stored = rows.map((row) => readStored(row, trusted)).filter((one) => one !== undefined);
  return new Map(stored.map((one) => [one.configuration.product, one]));
}

/** In the place of the one before. */
export async function saveConfiguration(trx: Trx, row: Selectable<ConfigurationsTable>): Promise<void> {
  await trx
    .insertInto('configurations')
    .values(row)
    .onConflict((conflict) => conflict.column('product').doUpdateSet(row))
    .execute();
}

/** Devices of one product that say the same of their pins and of the configuration. */
export interface PinHolders {
  readonly product: string;
  /** Ids of the pins of the running build, as a JSON array; null: it does not say. */
  readonly pins: string | null;
  /** Null: it takes no configurations. */
  readonly sequence: number | null;
  readonly refused: string | null;
  readonly devices: number;
}

/** Looks at every device: for an operator's question, not for a check-in. */
export async function countPinHolders(db: Reader, dialect: Dialect): Promise<readonly PinHolders[]> {
  const { pins, sequence, refused } = saidOfPins(dialect);
  return db
    .selectFrom('devices')
    .select(({ fn }) => [
      'product',
      pins.as('pins'),
      sequence.as('sequence'),
      refused.as('refused'),
      fn.countAll<number>().as('devices'),
    ])
    .groupBy(['product', pins, sequence, refused])
    .orderBy('product')
    .orderBy('devices', 'desc')
    .execute();
}

/** First names of some devices that say exactly this. */
export async function listPinHolders(
  db: Reader,
  dialect: Dialect,
  held: Omit<PinHolders, 'devices'>,
  limit: number,
): Promise<readonly string[]> {
  const said = saidOfPins(dialect);
  const isSame = (expression: typeof said.pins | typeof said.sequence, value: string | number | null) =>
    value === null ? sql<boolean>`${expression} is null` : sql<boolean>`${expression} = ${value}`;
  const rows = await db
    .selectFrom('devices')
    .select('first_name')
    .where('product', '=', held.product)
    .where(isSame(said.pins, held.pins))
    .where(isSame(said.sequence, held.sequence))
    .where(isSame(said.refused, held.refused))
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ first_name }) => first_name);
}

function readStored(
  { configuration, sent_at_ms, sent_by }: Selectable<ConfigurationsTable>,
  trusted: readonly TrustedKey[],
): StoredConfiguration | undefined {
  const read = parse(configuration);
  if (read === undefined) return undefined;
  const isTrusted = (id: string): boolean =>
    trusted.some(({ key_id, product }) => key_id === id && isForProduct(product, read.product));
  const signedBy = read.signatures.map(({ key_id }) => key_id).filter(isTrusted);
  if (signedBy.length === 0) return undefined;
  return { configuration: read, signedBy, expiresAtMs: expiryOf(read), sentAtMs: sent_at_ms, sentBy: sent_by };
}

/** A date that cannot be read has passed. */
function expiryOf({ expires_at }: Configuration): number {
  if (expires_at === NO_EXPIRY) return Number.POSITIVE_INFINITY;
  return readSignedInstant(expires_at) ?? Number.NEGATIVE_INFINITY;
}

function parse(text: string): Configuration | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(Configuration, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What a device said at its last check-in. */
function saidOfPins(dialect: Dialect) {
  return dialect === 'postgres'
    ? {
        pins: sql<string | null>`(attributes::jsonb -> 'pins')::text`,
        sequence: sql<number | null>`(attributes::jsonb ->> 'configuration_sequence')::bigint`,
        refused: sql<string | null>`(attributes::jsonb ->> 'configuration_refused')`,
      }
    : {
        pins: sql<string | null>`json_extract(attributes, '$.pins')`,
        sequence: sql<number | null>`json_extract(attributes, '$.configuration_sequence')`,
        refused: sql<string | null>`json_extract(attributes, '$.configuration_refused')`,
      };
}
