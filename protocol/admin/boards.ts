// What a board needs to get in, and which ones fail to.

import { type Static, Type } from 'typebox';
import { Instant, Mac } from '#protocol/words.ts';
import { Nullable, oneOf } from './shapes.ts';

/** What goes into a sketch. */
export const BoardSettings = Type.Object(
  {
    servers: Type.Array(Type.String(), {
      description: 'addresses of this server, the best first; a board reaches the port of one of them',
      examples: [['https://192.168.1.10:8443']],
    }),
    pin: Type.String({ description: 'which server it is: spki:HEX' }),
    backup_pin: Nullable(Type.String(), {
      description: 'that of the key which the server may go over to; null: it has none. A sketch has both',
    }),
    token: Type.String({ description: 'the fleet token' }),
  },
  { $id: 'BoardSettings' },
);
export type BoardSettings = Static<typeof BoardSettings>;

/**
 * How a board failed to get in. `certificate`: it refused this server's certificate; `handshake`: it went away within the TLS
 * handshake; `tls`: no TLS version or cipher in common; `no_tls`: it spoke plain HTTP; `token`: another token, or none; `request`:
 * what it sent was refused.
 */
const BOARD_PROBLEM_KINDS = ['certificate', 'handshake', 'tls', 'no_tls', 'token', 'request'] as const;
export type BoardProblemKind = (typeof BOARD_PROBLEM_KINDS)[number];

export const BoardProblem = Type.Object(
  {
    kind: oneOf(BOARD_PROBLEM_KINDS),
    address: Type.String({ description: 'IP address that it came from' }),
    mac: Nullable(Mac, { description: 'where what it sent has one' }),
    times: Type.Integer({ minimum: 1 }),
    first_at: Instant,
    last_at: Instant,
    text: Type.String({ description: 'what happened' }),
    cause: Type.String({ description: 'the likely cause, and what to do' }),
  },
  { $id: 'BoardProblem' },
);
export type BoardProblem = Static<typeof BoardProblem>;
