// The measured side, in a process of its own: Otter with a given home, or the bare Fastify route it is compared with. The
// other process asks for numbers over the process channel; the work itself comes over HTTPS only.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Fastify from 'fastify';
import { pino } from 'pino';
import { startServer } from '#server/main.ts';

const [kind, home = ''] = process.argv.slice(2);

const port =
  kind === 'bare'
    ? await startBare()
    : (await startServer({ home, port: 0, env: { OTTER_HOST: '127.0.0.1' }, log })).port;
process.send?.({ port });
process.on('message', () => process.send?.({ cpu: process.cpuUsage(), rssBytes: process.memoryUsage().rss }));

/** Logging is part of the cost of a request, so it is on, into a file that keeps nothing. */
function log(level: string) {
  return pino({ level }, pino.destination({ dest: '/dev/null', sync: false, minLength: 16_000 }));
}

/** What Fastify costs at the least: the same TLS key, a parsed JSON body, a constant answer of the usual size. */
async function startBare(): Promise<number> {
  const certs = join(home, 'data/certs');
  const app = Fastify({
    https: {
      cert: readFileSync(join(certs, 'server.crt')),
      key: readFileSync(join(certs, 'server.key')),
      minVersion: 'TLSv1.2',
    },
  });
  const answer = { update_available: false, reason: 'up_to_date', poll_interval_s: 600 };
  app.post('/api/v1/check-update', async () => answer);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
