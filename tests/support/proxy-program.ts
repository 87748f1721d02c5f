// nginx and HAProxy as Debian has them, run with the lines of our documents. Where one is missing its tests are skipped and say so.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

export type ProxyKind = 'nginx' | 'haproxy';

const PROGRAMS = { nginx: '/usr/sbin/nginx', haproxy: '/usr/sbin/haproxy' } as const;
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

export const HAS_PROXIES = [...Object.values(PROGRAMS), STREAM_MODULE].every((file) => existsSync(file));

/** In the name of what is skipped without them. */
export const WITHOUT_PROXIES = HAS_PROXIES ? '' : ' (skipped: apt-get install nginx libnginx-mod-stream haproxy)';

// Said out loud: a run that is green without them proved less.
if (!HAS_PROXIES) process.stderr.write(`tests behind real proxies:${WITHOUT_PROXIES}\n`);

/** Runs until the test ends. Resolves when somebody answers at `port`. */
export async function startProxy(kind: ProxyKind, recipe: string, port: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'otter-proxy-'));
  const file = join(folder, 'proxy.conf');
  await writeFile(file, kind === 'nginx' ? nginxConfig(recipe, folder) : recipe);
  const args = kind === 'nginx' ? ['-c', file, '-p', folder] : ['-f', file, '-db'];
  const child = spawn(PROGRAMS[kind], args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  while (!(await answers(port))) {
    if (hasEnded(child)) throw new Error(`${kind} does not run with these lines:\n${recipe}\n${said}`);
    await delay(20);
  }
}

export async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** What stands around the lines in a file of its own; where they begin with `stream` they stand beside `http`. */
function nginxConfig(recipe: string, folder: string): string {
  const isStream = recipe.startsWith('stream');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return [
    ...(isStream ? [`load_module ${STREAM_MODULE};`] : []),
    'daemon off;',
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    `pid ${folder}/nginx.pid;`,
    'error_log stderr;',
    'events {}',
    isStream ? recipe : `http { access_log off; ${paths.join(' ')} ${recipe} }`,
  ].join('\n');
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function answers(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).then((isThere) => {
    socket.destroy();
    return isThere === true;
  });
}
