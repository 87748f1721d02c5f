// What needs no token: is the server alive, is it ready, and what does its API look like.

import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ErrorAnswer } from '#protocol/device/api.ts';
import { OtterError } from '#protocol/errors.ts';
import type { Deps } from '#server/service/deps.ts';

/** Seconds after which whoever asks may ask again. */
const RETRY_S = 5;

const Health = Type.Object({ status: Type.Literal('ok') });

export function addPublicRoutes(app: FastifyInstance, deps: Deps): void {
  const options = (summary: string) => ({
    config: { scope: 'public' } as const,
    schema: { summary, tags: ['health'], response: { 200: Health, 503: ErrorAnswer, 507: ErrorAnswer } },
  });
  app.get('/healthz', options('The process is alive'), async () => ({ status: 'ok' as const }));
  app.get('/readyz', options('Database and images take a write, and all is where it belongs'), async () => {
    const problems = await deps.readiness.problems();
    const [first] = problems;
    if (first !== undefined)
      // Each change is in the log with its cause: one who asks every second does not write it again and again.
      throw new OtterError(first.code, problems.map(({ message }) => message).join('; '), first.hint, {
        retryAfterS: first.retryAfterS ?? RETRY_S,
      });
    return { status: 'ok' as const };
  });
}
