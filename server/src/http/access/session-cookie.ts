// The cookie of a session, and the rule that only pages of this server send changing requests with it: SameSite keeps other sites
// out, the origin keeps out other ports and protocols of the same host.

import type { FastifyRequest } from 'fastify';
import { OtterError } from '#protocol/errors.ts';
import { SESSION_LONGEST_MS } from '#protocol/limits.ts';
import { SESSION_COOKIE } from '#protocol/sessions.ts';

const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict';

/** The header that gives a browser its session. */
export function sessionCookie(request: FastifyRequest, secret: string): string {
  return `${nameOf(request)}=${secret}; Max-Age=${SESSION_LONGEST_MS / 1000}; ${ATTRIBUTES}`;
}

export function forgetCookie(request: FastifyRequest): string {
  return `${nameOf(request)}=; Max-Age=0; ${ATTRIBUTES}`;
}

/** The secret of the session with which a browser comes. */
export function readSessionCookie(request: FastifyRequest): string | undefined {
  const { cookie } = request.headers;
  if (cookie === undefined) return undefined;
  const begin = `${nameOf(request)}=`;
  const found = cookie.split(';').find((one) => one.trimStart().startsWith(begin));
  return /^[A-Za-z0-9_-]{1,100}$/.exec(found?.trim().slice(begin.length) ?? '')?.[0];
}

/** With the port that the browser knows: it sends the cookies of a host to every port of it, and there may be a second server. */
function nameOf({ host }: FastifyRequest): string {
  return `${SESSION_COOKIE}-${/:(\d+)$/.exec(host)?.[1] ?? '443'}`;
}

/**
 * Throws `origin_foreign` where a page of another origin sends it. Browsers name the origin with everything that is not GET or
 * HEAD, so one that is missing counts as foreign where a cookie speaks for the request.
 */
export function refuseForeignOrigin(request: FastifyRequest, { needsOrigin }: { readonly needsOrigin: boolean }): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { origin } = request.headers;
  if (origin === undefined ? !needsOrigin : origin === `https://${request.host}`) return;
  throw new OtterError(
    'origin_foreign',
    `the request comes from ${origin === undefined ? 'no page' : JSON.stringify(origin.slice(0, 100))}, not from this server`,
    'use the dashboard of this server; programs send the admin token',
  );
}
