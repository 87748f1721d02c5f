// Who asks. Decided from the headers alone, before the first byte of a body is read; a route that does not say who may use
// it cannot be registered. Tokens are compared by their SHA-256, in the same time whether right or wrong. A browser comes with the
// cookie of its session instead.

import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Role } from '#protocol/admin/routes.ts';
import { OtterError } from '#protocol/errors.ts';
import { readSessionCookie, refuseForeignOrigin } from '#server/http/access/session-cookie.ts';
import type { WrongTokens } from '#server/http/front/wrong-tokens.ts';
import { addressOf } from '#server/http/request/client-address.ts';
import { DEVICE_TOKEN_PATTERN } from '#protocol/device/api.ts';
import type { BoardRates } from '#server/service/device/board-rates.ts';
import type { KnownTokens } from '#server/service/identity/known-tokens.ts';
import type { Speaker } from '#server/service/identity/speaker.ts';
import { type Principal, roleOf } from '#server/service/principal.ts';

/** Who may use a route: a role of the admin API, boards, or everybody. */
type Scope = Role | 'device' | 'public';

declare module 'fastify' {
  interface FastifyContextConfig {
    scope?: Scope;
  }
  interface FastifyRequest {
    principal: Principal;
  }
}

export interface TokenDigests {
  readonly fleet: Buffer;
  /** The fleet token before, while boards move from it to the other. */
  readonly formerFleet: Buffer | undefined;
  readonly admin: Buffer;
}

/** Who asks with the secret of a session. Rejects with `session_ended`. */
type ResumeSession = (secret: string) => Promise<Principal>;

export function digestToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** Compares in the same time whether it is right or wrong. */
export function isToken(token: string, digest: Buffer): boolean {
  return timingSafeEqual(digestToken(token), digest);
}

interface AuthOptions {
  readonly resume: ResumeSession;
  readonly boardRates: BoardRates;
  readonly knownTokens: KnownTokens;
  readonly wrongTokens: WrongTokens;
}

export function addAuth(
  app: FastifyInstance,
  digests: TokenDigests,
  { resume, boardRates, knownTokens, wrongTokens }: AuthOptions,
): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.scope === undefined)
      throw new Error(`${String(route.method)} ${route.url} does not say who may use it`);
  });
  app.decorateRequest('principal');
  app.addHook('onRequest', (request, _reply, done) => {
    const scope = request.routeOptions.config.scope ?? 'public';
    const enter = (principal: Principal): void => {
      if (principal.kind === 'device_token') boardRates.takeRequest(principal.sha256);
      request.principal = principal;
      if (scope !== 'public' && roleOf(principal) !== scope) throw wrongScope(scope);
    };
    const secret = scope === 'admin' ? secretOf(request) : undefined;
    if (secret === undefined) {
      const principal = scope === 'public' ? ANYONE : authenticate(request, digests);
      if (principal === undefined) throw wrongTokens.judge(unknownToken(), addressOf(request));
      if (principal.kind !== 'device_token' || knownTokens.has(principal.sha256)) {
        enter(principal);
        done();
      } else {
        const refuse = () => wrongTokens.judge(unknownBoardToken(), addressOf(request), { isOfBoard: true });
        void enterLater(find(principal, knownTokens, refuse), enter, done);
      }
      return;
    }
    refuseForeignOrigin(request, { needsOrigin: true });
    void enterLater(resume(secret), enter, done);
  });
}

async function enterLater(
  principal: Promise<Principal>,
  enter: (principal: Principal) => void,
  done: (failure?: Error) => void,
): Promise<void> {
  let failure: Error | undefined;
  try {
    enter(await principal);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  done(failure);
}

async function find(
  principal: Extract<Principal, { readonly kind: 'device_token' }>,
  knownTokens: KnownTokens,
  refuse: () => OtterError,
): Promise<Principal> {
  if (await knownTokens.find(principal.sha256)) return principal;
  throw refuse();
}

function unknownBoardToken(): OtterError {
  return new OtterError('token_invalid', 'the device token is not known', 'enrol again with the fleet token');
}

/** A token that is sent wins: who sends one means it. */
function secretOf(request: FastifyRequest): string | undefined {
  if (request.headers.authorization !== undefined || TOKEN_IN_URL.test(request.url)) return undefined;
  return readSessionCookie(request);
}

const ANYONE: Principal = { kind: 'anyone' };

/** Undefined: the token is not known. */
function authenticate(request: FastifyRequest, digests: TokenDigests): Principal | undefined {
  if (TOKEN_IN_URL.test(request.url))
    throw new OtterError(
      'token_in_url',
      'a token in the address ends up in logs',
      'send it as "Authorization: Bearer <token>" and replace this token',
    );
  const header = request.headers.authorization;
  if (header === undefined)
    throw new OtterError(
      'token_missing',
      'the request has no Authorization header',
      'send "Authorization: Bearer <token>"',
    );
  const token = /^Bearer +(\S+) *$/i.exec(header)?.[1];
  const digest = token === undefined ? undefined : digestToken(token);
  if (digest !== undefined && token !== undefined && deviceToken.test(token))
    return { kind: 'device_token', sha256: digest.toString('hex') };
  const { formerFleet } = digests;
  const isFleet = digest !== undefined && timingSafeEqual(digest, digests.fleet);
  const isFormer = digest !== undefined && formerFleet !== undefined && timingSafeEqual(digest, formerFleet);
  const isAdmin = digest !== undefined && timingSafeEqual(digest, digests.admin);
  if (isAdmin) return { kind: 'admin_token' };
  if (isFleet || isFormer) return { kind: 'fleet_token', isFormer };
  return undefined;
}

function unknownToken(): OtterError {
  return new OtterError(
    'token_invalid',
    'the token is not known',
    'check the token; on the server it stands in data/tokens/',
  );
}

/** Throws `wrong_scope`; the scope of the route lets nobody else in. */
export function speakerOf({ principal }: FastifyRequest): Speaker {
  if (principal.kind === 'fleet_token' || principal.kind === 'device_token') return principal;
  throw new OtterError('wrong_scope', 'this token is not one of a board', 'give boards the fleet token');
}

function wrongScope(scope: Scope): OtterError {
  return scope === 'device'
    ? new OtterError('wrong_scope', 'the admin token does not work on device addresses', 'give boards the fleet token')
    : new OtterError('wrong_scope', 'the token of a board does not work on admin addresses', 'use the admin token');
}

const deviceToken = new RegExp(DEVICE_TOKEN_PATTERN);
const TOKEN_IN_URL = /[?&](access_)?token=/i;
