// Log-in of browsers: the admin token, or the code of a one-time link, becomes a session whose secret stands in a cookie that no
// script can read. Instants are ISO 8601 UTC.

import { type Static, Type } from 'typebox';
import { MAX_SESSION_TEXT_CHARS } from './limits.ts';
import { Instant } from './words.ts';

/** `__Host-` makes browsers refuse it without TLS, with a domain, or for a part of the server only. */
export const SESSION_COOKIE = '__Host-otter';

const HOWS = ['token', 'link'] as const;

export const Session = Type.Object(
  {
    id: Type.String({ description: 'names it; opens nothing' }),
    opened_by: Type.Unsafe<(typeof HOWS)[number]>({
      type: 'string',
      enum: [...HOWS],
      description: 'the admin token, or a one-time link',
    }),
    address: Type.String({ description: 'IP address of the browser when it logged in' }),
    browser: Type.String({ description: 'what the browser says it is' }),
    opened_at: Instant,
    used_at: Instant,
    ends_at: Instant,
    own: Type.Boolean({ description: 'this is the session that asks' }),
  },
  { $id: 'Session' },
);
export type Session = Static<typeof Session>;

export const LoginLink = Type.Object(
  {
    path: Type.String({ description: 'to be opened on this server; it works once' }),
    ends_at: Instant,
  },
  { $id: 'LoginLink' },
);
export type LoginLink = Static<typeof LoginLink>;

/** Answers with a cookie, so no row of the table of admin routes. */
export const logIn = {
  path: '/api/v1/log-in',
  summary: 'Open a session: a cookie for browsers in place of the admin token',
  body: Type.Union([
    Type.Object({ token: Type.String({ maxLength: MAX_SESSION_TEXT_CHARS }) }, { additionalProperties: false }),
    Type.Object({ code: Type.String({ maxLength: MAX_SESSION_TEXT_CHARS }) }, { additionalProperties: false }),
  ]),
  answer: Type.Unsafe<Session>(Type.Ref('Session')),
} as const;

/** Where a one-time link leads; its code stands behind `#`, which no browser sends to a server. */
export const LOG_IN_PAGE = '/log-in';
