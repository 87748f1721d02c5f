// Log-in: the admin token or the code of a one-time link becomes a cookie. Tokens are compared as for every other request.

import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import { ErrorAnswer } from '#protocol/device/api.ts';
import { OtterError } from '#protocol/errors.ts';
import { MAX_DEVICE_BODY_BYTES } from '#protocol/limits.ts';
import { logIn } from '#protocol/sessions.ts';
import { isToken, type TokenDigests } from '#server/http/auth.ts';
import type { WrongTokens } from '#server/http/front/wrong-tokens.ts';
import type { Deps } from '#server/service/deps.ts';
import { openSession, openSessionByLink } from '#server/service/access/sessions.ts';
import { refuseForeignOrigin, sessionCookie } from './session-cookie.ts';
import { addressOf } from '#server/http/request/client-address.ts';

interface LogInOptions {
  readonly digests: TokenDigests;
  readonly wrongTokens: WrongTokens;
  /** UTC milliseconds. */
  readonly clock: () => number;
}

export function addLogIn(app: FastifyInstance, deps: Deps, { digests, wrongTokens, clock }: LogInOptions): void {
  app.post<{ Body: Static<typeof logIn.body> }>(
    logIn.path,
    {
      config: { scope: 'public', maxBodyBytes: MAX_DEVICE_BODY_BYTES, requiresBody: true },
      schema: {
        operationId: 'logIn',
        tags: ['sessions'],
        summary: logIn.summary,
        body: logIn.body,
        response: { 200: logIn.answer, '4xx': ErrorAnswer, '5xx': ErrorAnswer },
      },
    },
    async (request, reply) => {
      refuseForeignOrigin(request, { needsOrigin: false });
      const { body } = request;
      const visitor = { address: addressOf(request), browser: request.headers['user-agent'] ?? '' };
      if ('token' in body && !isToken(body.token.trim(), digests.admin))
        throw wrongTokens.judge(notAdmin(isToken(body.token.trim(), digests.fleet)), visitor.address);
      const { secret, session } =
        'token' in body
          ? await openSession(deps, visitor, clock())
          : await openSessionByLink(deps, body.code, visitor, clock()).catch((error: unknown) => {
              throw error instanceof OtterError ? wrongTokens.judge(error, visitor.address) : error;
            });
      return reply
        .header('set-cookie', sessionCookie(request, secret))
        .header('cache-control', 'no-store')
        .send(session);
    },
  );
}

function notAdmin(isFleet: boolean): OtterError {
  return new OtterError(
    'token_invalid',
    isFleet ? 'this is the fleet token, which boards use' : 'the token is not the admin token of this server',
    'it stands in data/tokens/admin.token on the server; there `otter dashboard` logs in without it',
  );
}
