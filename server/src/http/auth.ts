// Who asks. Decided from the headers alone, before the first byte of a body is read; a route that does not say who may use
// it cannot be registered. Tokens are compared by their SHA-256, in the same time whether right or wrong.

import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OtterError } from '#protocol/errors.ts';

type Scope = 'device' | 'admin' | 'public';

declare module 'fastify' {
  interface FastifyContextConfig {
    scope?: Scope;
  }
}

export interface TokenDigests {
  readonly device: Buffer;
  readonly admin: Buffer;
}

export function digestToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

export function addAuth(app: FastifyInstance, digests: TokenDigests): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.scope === undefined)
      throw new Error(`${String(route.method)} ${route.url} does not say who may use it`);
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const scope = request.routeOptions.config.scope ?? 'public';
    if (scope !== 'public') authenticate(request, scope, digests);
    done();
  });
}

function authenticate(request: FastifyRequest, scope: 'device' | 'admin', digests: TokenDigests): void {
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
  const isDevice = digest !== undefined && timingSafeEqual(digest, digests.device);
  const isAdmin = digest !== undefined && timingSafeEqual(digest, digests.admin);
  if (!isDevice && !isAdmin)
    throw new OtterError(
      'token_invalid',
      'the token is not known',
      'check the token; on the server it stands in data/tokens/',
    );
  if (scope === 'device' && !isDevice)
    throw new OtterError(
      'wrong_scope',
      'the admin token does not work on device addresses',
      'give boards the fleet token',
    );
  if (scope === 'admin' && !isAdmin)
    throw new OtterError('wrong_scope', 'the fleet token does not work on admin addresses', 'use the admin token');
}

const TOKEN_IN_URL = /[?&](access_)?token=/i;
