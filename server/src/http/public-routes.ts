// What needs no token: is the server alive, is it ready, and what does its API look like.

import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ErrorAnswer } from '#protocol/device/api.ts';
import { OtterError } from '#protocol/errors.ts';
import { findStoreProblem } from '#server/service/firmware/image-checks.ts';
import type { Deps } from '#server/service/deps.ts';

const Health = Type.Object({ status: Type.Literal('ok') });

export function addPublicRoutes(app: FastifyInstance, deps: Deps): void {
  const options = (summary: string) => ({
    config: { scope: 'public' } as const,
    schema: { summary, tags: ['health'], response: { 200: Health, 503: ErrorAnswer } },
  });
  app.get('/healthz', options('The process is alive'), async () => ({ status: 'ok' as const }));
  app.get('/readyz', options('The database takes transactions'), async () => {
    try {
      await deps.database.check();
    } catch (error) {
      throw new OtterError(
        'unavailable',
        'the database does not take transactions',
        'look into the log of the server',
        { retryAfterS: 5, cause: error },
      );
    }
    const problem = await findStoreProblem(deps);
    if (problem !== undefined) throw problem;
    return { status: 'ok' as const };
  });
}
