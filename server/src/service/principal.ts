// Who does something: made once, at the edge (a token, a timer, a file), and carried to the audit and the events. What a
// principal may do is its role; every admin route names the role that it needs.

import { assertNever } from '#protocol/errors.ts';
import type { Role } from '#protocol/admin/routes.ts';

export type Principal =
  | { readonly kind: 'anyone' }
  /** The token that every board holds. */
  | { readonly kind: 'fleet_token'; readonly isFormer: boolean }
  /** The token of one board; which board it is, is found with what it says of itself. */
  | { readonly kind: 'device_token'; readonly sha256: string }
  | { readonly kind: 'admin_token' }
  /** A browser that logged in; `id` names the session, its secret is known to the browser alone. */
  | { readonly kind: 'session'; readonly id: string; readonly role: Role }
  | { readonly kind: 'schedule'; readonly name: string }
  /** What a stage has shown. */
  | { readonly kind: 'gate' }
  /** Its end, which somebody set, has come. */
  | { readonly kind: 'clock' }
  /** A changed file on the machine of the server: its configuration, its keys, its tokens. */
  | { readonly kind: 'file' }
  /** `otter restore`, which has the files of the server. */
  | { readonly kind: 'restore' };

export const GATE: Principal = { kind: 'gate' };
export const CLOCK: Principal = { kind: 'clock' };
export const FILE: Principal = { kind: 'file' };
export const RESTORE: Principal = { kind: 'restore' };

/** As audit and events name it: `admin`, `session:4f2a9c01`, `schedule:nightly`, `gate`. */
export function actorOf(principal: Principal): string {
  switch (principal.kind) {
    case 'admin_token':
      return 'admin';
    case 'schedule':
      return `schedule:${principal.name}`;
    case 'session':
      return `session:${principal.id}`;
    case 'anyone':
    case 'fleet_token':
    case 'device_token':
    case 'gate':
    case 'clock':
    case 'file':
    case 'restore':
      return principal.kind;
    default:
      return assertNever(principal);
  }
}

/** Undefined: none; it may use public addresses only. */
export function roleOf(principal: Principal): Role | 'device' | undefined {
  if (principal.kind === 'admin_token') return 'admin';
  if (principal.kind === 'session') return principal.role;
  return principal.kind === 'fleet_token' || principal.kind === 'device_token' ? 'device' : undefined;
}
