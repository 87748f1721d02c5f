// How the ports of a server close: no new connections, running requests get their time, and then nothing is left open.

import type { FastifyInstance } from 'fastify';
import type { PlainHttp } from '#server/http/front/plain-http.ts';

/** How soon a connection that has nothing more to say is closed while the server stops. */
const IDLE_SWEEP_MS = 100;

/** Running requests get `graceMs`. */
export async function closePorts(app: FastifyInstance, plain: PlainHttp | undefined, graceMs: number): Promise<void> {
  plain?.stop();
  const force = setTimeout(() => {
    app.server.closeAllConnections();
    plain?.closeAll();
  }, graceMs);
  // A connection whose last answer began before the stop was told to stay open.
  const sweep = setInterval(() => {
    app.server.closeIdleConnections();
    plain?.closeIdle();
  }, IDLE_SWEEP_MS);
  await app.close();
  await plain?.closed;
  clearTimeout(force);
  clearInterval(sweep);
}
