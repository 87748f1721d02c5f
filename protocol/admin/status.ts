// What `otter status` shows: the server, the fleet in numbers, and what needs a person.

import { type Static, Type } from 'typebox';
import { Instant } from '#protocol/words.ts';
import { Product } from './devices.ts';
import { Rollout } from './rollouts.ts';
import { Count, Nullable, oneOf } from './shapes.ts';

const CALL_KINDS = [
  'halted',
  'regressed',
  'crashing',
  'failed',
  'lost',
  'damaged_image',
  'signature',
  'gate_waits',
  'empty_stage',
  'nobody_counts',
  'schedule',
  'certificate',
  'claimed_twice',
  'reports_differ',
  'enrolments',
  'new_boards',
  'board_problems',
  'restored',
  'backup_due',
] as const;

/** Something that needs a person. */
export const Call = Type.Object(
  {
    kind: oneOf(CALL_KINDS),
    rollout: Nullable(Type.String()),
    text: Type.String(),
    commands: Type.Array(Type.String(), {
      description: 'the commands that fit, to be filled in where they say TEXT, MAC or FILE',
    }),
  },
  { $id: 'Call' },
);
export type Call = Static<typeof Call>;

const Backup = Type.Object(
  {
    made_at: Instant,
    made_by: Type.String({ description: 'host and home' }),
    file: Type.String(),
    size_bytes: Type.Integer(),
    encrypted: Type.Boolean(),
  },
  { description: 'the last one that `otter backup` made of this database' },
);

export const ServerStatus = Type.Object(
  {
    version: Type.String(),
    database: oneOf(['sqlite', 'postgres']),
    started_at: Instant,
    certificate_ends_at: Instant,
    disk: Nullable(Type.Object({ free_bytes: Count, total_bytes: Count }), {
      description: 'where images are kept; null: it cannot be asked',
    }),
    poll_interval_s: Type.Integer(),
    devices: Type.Object(
      { total: Count, silent: Count, updating: Count, failed: Count, held: Count, test: Count },
      {
        description: 'test boards are counted as `test` alone; held ones as what they do as well',
      },
    ),
    frozen: Type.Array(Type.Unsafe<Product>(Type.Ref('Product')), { description: 'products that are frozen' }),
    versions: Type.Array(Type.Object({ product: Type.String(), version: Type.String(), devices: Count })),
    rollouts: Type.Array(Type.Unsafe<Rollout>(Type.Ref('Rollout')), {
      description: 'those that are running, paused, halted, regressed, or watched after they completed',
    }),
    calls: Type.Array(Type.Unsafe<Call>(Type.Ref('Call')), {
      description: 'what needs a person, the most urgent first',
    }),
    last_backup: Nullable(Backup),
    warnings: Type.Array(Type.String()),
  },
  { $id: 'ServerStatus' },
);
export type ServerStatus = Static<typeof ServerStatus>;
