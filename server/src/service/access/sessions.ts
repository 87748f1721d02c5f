// Sessions: what a browser has in place of the admin token. The secret is in the cookie alone, the database knows its digest. A
// session ends when it was not used for long, after some days in any case, when somebody ends it, or with the admin token under which it
// was opened: who had that one may have opened it.

import { hash, randomBytes } from 'node:crypto';
import { OtterError } from '#protocol/errors.ts';
import {
  LOGIN_LINK_MS,
  MAX_LOGIN_LINKS,
  MAX_SESSIONS,
  MAX_SESSION_TEXT_CHARS,
  SESSION_IDLE_MS,
  SESSION_LONGEST_MS,
  SESSION_NOTE_MS,
} from '#protocol/limits.ts';
import { LOG_IN_PAGE, type LoginLink, type Session } from '#protocol/sessions.ts';
import {
  addLink,
  addSession,
  findSession,
  forgetLinks,
  getSessions as listRows,
  removeSession,
  saveUse,
  type SessionRow,
  takeLink,
} from '#server/db/access/sessions.ts';
import type { Trx } from '#server/db/schema.ts';
import { addAudit } from '#server/db/events/audit.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { toInstant } from '#server/time/instant.ts';

/** Where a session is opened from, as far as the browser says so. */
export interface Visitor {
  readonly address: string;
  readonly browser: string;
}

export interface OpenedSession {
  /** For the cookie; it is never said again. */
  readonly secret: string;
  readonly session: Session;
}

type SessionPrincipal = Extract<Principal, { readonly kind: 'session' }>;

/** After whoever asks has shown the admin token. */
export async function openSession(deps: Deps, visitor: Visitor, nowMs: number): Promise<OpenedSession> {
  return deps.database.write(async (trx) => add(deps, trx, { visitor, openedBy: 'token', nowMs }));
}

/** Throws `link_used` where the code opens nothing (any more). */
export async function openSessionByLink(
  deps: Deps,
  code: string,
  visitor: Visitor,
  nowMs: number,
): Promise<OpenedSession> {
  const opened = await deps.database.write(async (trx) => {
    const endsAtMs = await takeLink(trx, { hash: digestOf(code), token_digest: deps.adminTokenDigest });
    return endsAtMs !== undefined && nowMs < endsAtMs
      ? add(deps, trx, { visitor, openedBy: 'link', nowMs })
      : undefined;
  });
  if (opened !== undefined) return opened;
  throw new OtterError(
    'link_used',
    `this link does not open anything: it was used, or is older than ${LOGIN_LINK_MS / 60_000} minutes`,
    'make another one on the server: otter dashboard',
  );
}

/** Who asks with this secret. Throws `session_ended`. */
export async function resumeSession(deps: Deps, secret: string, nowMs: number): Promise<SessionPrincipal> {
  const row = await findSession(deps.database.read, { hash: digestOf(secret) });
  if (row === undefined || !isOpen(deps, row, nowMs))
    throw new OtterError(
      'session_ended',
      'the session is over: it was not used for long, or was ended',
      'log in again with the admin token',
    );
  if (nowMs - row.used_at_ms >= SESSION_NOTE_MS)
    await deps.database.writeSoft(async (trx) => saveUse(trx, row.id, nowMs));
  return { kind: 'session', id: row.id, role: 'admin' };
}

/** For what takes long: whether who asked once may still ask. */
export async function isStillIn(deps: Deps, principal: Principal, nowMs: number): Promise<boolean> {
  if (principal.kind !== 'session') return true;
  const row = await findSession(deps.database.read, { id: principal.id });
  return row !== undefined && isOpen(deps, row, nowMs);
}

export async function getSessions(deps: Deps, by: Principal, nowMs: number): Promise<{ items: Session[] }> {
  const rows = await listRows(deps.database.read);
  return { items: rows.filter((row) => isOpen(deps, row, nowMs)).map((row) => view(row, by)) };
}

/** `own`: the one that asks. Throws `session_unknown`. */
export async function revokeSession(deps: Deps, named: string, by: Principal, nowMs: number): Promise<{ id: string }> {
  const id = named === 'own' && by.kind === 'session' ? by.id : named;
  await deps.database.write(async (trx) => {
    if (!(await removeSession(trx, id)))
      throw new OtterError('session_unknown', `there is no session ${JSON.stringify(id)}`, 'see: otter session list');
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'session.revoke', subject: id });
  });
  return { id };
}

export async function createLoginLink(deps: Deps, by: Principal, nowMs: number): Promise<LoginLink> {
  const code = randomBytes(24).toString('base64url');
  const endsAtMs = nowMs + LOGIN_LINK_MS;
  await deps.database.write(async (trx) => {
    await forgetLinks(trx, nowMs, MAX_LOGIN_LINKS - 1);
    await addLink(trx, { hash: digestOf(code), token_digest: deps.adminTokenDigest, ends_at_ms: endsAtMs });
    await addAudit(trx, { atMs: nowMs, actor: actorOf(by), action: 'session.link', subject: 'dashboard' });
  });
  return { path: `${LOG_IN_PAGE}#${code}`, ends_at: toInstant(endsAtMs) };
}

async function add(
  deps: Deps,
  trx: Trx,
  {
    visitor,
    openedBy,
    nowMs,
  }: { readonly visitor: Visitor; readonly openedBy: SessionRow['opened_by']; readonly nowMs: number },
): Promise<OpenedSession> {
  const rows = await listRows(trx);
  const left = new Set(rows.filter((row) => isOpen(deps, row, nowMs)).slice(0, MAX_SESSIONS - 1));
  for (const row of rows) if (!left.has(row)) await removeSession(trx, row.id);
  const secret = randomBytes(32).toString('base64url');
  const row: SessionRow = {
    id: randomBytes(4).toString('hex'),
    hash: digestOf(secret),
    token_digest: deps.adminTokenDigest,
    opened_by: openedBy,
    address: visitor.address,
    browser: visitor.browser.slice(0, MAX_SESSION_TEXT_CHARS),
    opened_at_ms: nowMs,
    used_at_ms: nowMs,
    ends_at_ms: nowMs + SESSION_LONGEST_MS,
  };
  await addSession(trx, row);
  const by: Principal = { kind: 'session', id: row.id, role: 'admin' };
  await addAudit(trx, {
    atMs: nowMs,
    actor: actorOf(by),
    action: 'session.open',
    subject: row.id,
    details: { opened_by: openedBy, address: row.address },
  });
  return { secret, session: view(row, by) };
}

function isOpen(deps: Deps, { token_digest, used_at_ms, ends_at_ms }: SessionRow, nowMs: number): boolean {
  return token_digest === deps.adminTokenDigest && nowMs < ends_at_ms && nowMs - used_at_ms < SESSION_IDLE_MS;
}

function view(row: SessionRow, by: Principal): Session {
  return {
    id: row.id,
    opened_by: row.opened_by,
    address: row.address,
    browser: row.browser,
    opened_at: toInstant(row.opened_at_ms),
    used_at: toInstant(row.used_at_ms),
    ends_at: toInstant(Math.min(row.ends_at_ms, row.used_at_ms + SESSION_IDLE_MS)),
    own: by.kind === 'session' && by.id === row.id,
  };
}

/** Hex. The secrets and tokens are random and long, so a digest without salt tells nothing of them. */
export function digestOf(secret: string): string {
  return hash('sha256', secret, 'hex');
}
