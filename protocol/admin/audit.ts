// Who did what, and whether the record of it is whole. Instants are ISO 8601 UTC.

import { type Static, Type } from 'typebox';
import { MAX_AUDIT_FAULTS } from '#protocol/limits.ts';
import { Instant } from '#protocol/words.ts';

export const AuditEntry = Type.Object(
  {
    id: Type.Integer(),
    at: Instant,
    actor: Type.String(),
    action: Type.String(),
    subject: Type.String(),
    details: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'AuditEntry' },
);
export type AuditEntry = Static<typeof AuditEntry>;

export const AUDIT_FAULT_KINDS = ['removed', 'changed', 'moved', 'added'] as const;

const AuditFault = Type.Object({
  kind: Type.Unsafe<(typeof AUDIT_FAULT_KINDS)[number]>({ type: 'string', enum: [...AUDIT_FAULT_KINDS] }),
  number: Type.Integer({ description: 'of the entry in the chain; of several that are gone, of the first' }),
  id: Type.Union([Type.Integer(), Type.Null()], { description: 'of the entry in the list; null: it is gone' }),
  text: Type.String(),
});
export type AuditFault = Static<typeof AuditFault>;

export const AuditVerification = Type.Object(
  {
    intact: Type.Boolean({ description: 'every entry since the checkpoint is there, as it was written' }),
    entries: Type.Integer({ description: 'that are there' }),
    last_number: Type.Integer({ description: 'how many entries there ever were' }),
    last_hash: Type.String({ description: 'of the last entry, SHA-256 in hex: note it elsewhere' }),
    checkpoint: Type.Object(
      {
        entries: Type.Integer({ description: 'how many were removed because they were old; 0: none' }),
        hash: Type.String({ description: 'of the last of those' }),
        at: Type.Union([Instant, Type.Null()]),
      },
      { description: 'where the chain begins' },
    ),
    faults: Type.Array(AuditFault, { description: `the first ${MAX_AUDIT_FAULTS}` }),
    fault_count: Type.Integer(),
  },
  { $id: 'AuditVerification' },
);
export type AuditVerification = Static<typeof AuditVerification>;
