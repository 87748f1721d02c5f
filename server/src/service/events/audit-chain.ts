// Walks the chain of the audit from its beginning to its end and names every entry that is gone, was changed or was moved. It
// only reads. Who can write the database can write a whole new chain: against that helps the last hash, noted elsewhere.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuditFault, AuditVerification } from '#protocol/admin/audit.ts';
import { MAX_AUDIT_FAULTS } from '#protocol/limits.ts';
import {
  type AuditChain,
  type AuditRow,
  getAuditChain,
  hashOfEntry,
  listEntriesAfter,
} from '#server/db/events/audit-chain.ts';
import type { Deps } from '#server/service/deps.ts';
import { toInstant, toInstantOrNull } from '#server/time/instant.ts';

const PAGE = 500;

/** Where a walk is: behind this entry. */
interface Place {
  readonly number: number;
  readonly hash: string;
  readonly id: number;
}

export async function verifyAudit({ database }: Deps): Promise<AuditVerification> {
  return database.snapshot(async (reader) => {
    const chain = await getAuditChain(reader);
    const faults: AuditFault[] = [];
    let place: Place = { number: chain.checkpoint_number, hash: chain.checkpoint_hash, id: 0 };
    let entries = 0;
    for (let page = await listEntriesAfter(reader, Number.MIN_SAFE_INTEGER, PAGE); page.length > 0;) {
      for (const row of page) {
        faults.push(...faultsOf(row, place, chain));
        if (!isForeign(row, chain)) place = { number: row.number, hash: row.hash, id: Math.max(row.id, place.id) };
      }
      entries += page.length;
      await nextTurn();
      page = await listEntriesAfter(reader, page.at(-1)?.number ?? place.number, PAGE);
    }
    faults.push(...removedBetween(place.number, chain.last_number + 1));
    return viewVerification(chain, { entries, lastHash: place.hash }, faults);
  });
}

function viewVerification(
  chain: AuditChain,
  { entries, lastHash }: { readonly entries: number; readonly lastHash: string },
  faults: readonly AuditFault[],
): AuditVerification {
  return {
    intact: faults.length === 0,
    entries,
    last_number: chain.last_number,
    last_hash: lastHash,
    checkpoint: {
      entries: chain.checkpoint_number,
      hash: chain.checkpoint_hash,
      at: toInstantOrNull(chain.checkpoint_at_ms),
    },
    faults: faults.slice(0, MAX_AUDIT_FAULTS),
    fault_count: faults.length,
  };
}

/** What is wrong with an entry, or with what should stand between it and the one before. */
function faultsOf(row: AuditRow, place: Place, chain: AuditChain): readonly AuditFault[] {
  const name = nameOf(row);
  if (isForeign(row, chain))
    return [{ kind: 'added', number: row.number, id: row.id, text: `${name} was not written by Otter` }];
  const gap = removedBetween(place.number, row.number);
  if (row.id <= place.id)
    return [...gap, { kind: 'moved', number: row.number, id: row.id, text: `${name} was moved behind id ${place.id}` }];
  // What it was chained to is gone.
  if (gap.length > 0 || hashOfEntry(place.hash, row) === row.hash) return gap;
  const before = place.number === chain.checkpoint_number ? 'the checkpoint' : `entry ${place.number}`;
  return [{ kind: 'changed', number: row.number, id: row.id, text: `${name} was changed, or ${before} before it` }];
}

/** Its number is none that an entry which is kept could have. */
function isForeign({ number }: AuditRow, chain: AuditChain): boolean {
  return number <= chain.checkpoint_number || number > chain.last_number;
}

/** The entries between these two numbers, which are not there. */
function removedBetween(before: number, after: number): readonly AuditFault[] {
  const [first, last] = [before + 1, after - 1];
  if (last < first) return [];
  const which = first === last ? `entry ${first} was` : `entries ${first} to ${last} were`;
  return [{ kind: 'removed', number: first, id: null, text: `${which} removed` }];
}

function nameOf({ number, id, action, subject, at_ms }: AuditRow): string {
  return `entry ${number} (id ${id}, ${action} ${subject}, ${toInstant(at_ms)})`;
}
