// The measured side, in a process of its own: Otter with a given home, or the bare Fastify route it is compared with. The
// other process asks for numbers over the process channel; the work itself comes over HTTPS only.

import { readFileSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import Fastify from 'fastify';
import { pino } from 'pino';

const [kind, home = '', asked = '0'] = process.argv.slice(2);

// As the launcher does it: with compiled code on disk, the compiler of TypeScript is never loaded.
module.enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/compiled'));

const port = kind === 'bare' ? await startBare() : await startOtter();
process.send?.({ port });
process.on('message', () => process.send?.({ cpu: process.cpuUsage(), rssBytes: process.memoryUsage().rss }));

async function startOtter(): Promise<number> {
  const { startServer } = await import('#server/main.ts');
  return (await startServer({ home, port: Number(asked), env: { OTTER_HOST: '127.0.0.1' }, log })).port;
}

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
