// A TLS session goes on: on another connection, after a restart, on another server of the database; for a week, and no longer.

import { once } from 'node:events';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

/** One request on a new connection: whether it went on with `session`, and the session that it leaves. */
async function visit(
  { url }: TestServer,
  version: (typeof VERSIONS)[number],
  session?: Buffer,
): Promise<{ readonly isResumed: boolean; readonly session: Buffer | undefined }> {
  const socket = tls.connect({
    host: url.hostname,
    port: Number(url.port),
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  });
  let left: Buffer | undefined;
  socket.on('session', (given) => (left = given));
  await once(socket, 'secureConnect');
  const isResumed = socket.isSessionReused();
  socket.write('GET /healthz HTTP/1.1\r\nHost: otter\r\nConnection: close\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  return { isResumed, session: left };
}

describe.each(BOTH)('a TLS session on %s', (dialect) => {
  test.each(VERSIONS)('of %s goes on, also after a restart and on another server', async (version) => {
    const server = await startTestServer({ dialect });
    const first = await visit(server, version);
    expect(first.isResumed).toBe(false);
    const { session } = first;
    expect(await visit(server, version, session)).toMatchObject({ isResumed: true });
    const other = dialect === 'postgres' ? await startTestServer({ like: server }) : undefined;
    if (other !== undefined) {
      expect(await visit(other, version, session), 'another server').toMatchObject({ isResumed: true });
      await other.stop();
    }
    await server.stop();
    const again = await startTestServer({ like: server });
    expect(await visit(again, version, session), 'after a restart').toMatchObject({ isResumed: true });
    again.clock.advance(7 * 86_400);
    await again.tick();
    expect(await visit(again, version, session), 'a week later').toMatchObject({ isResumed: false });
    await again.end();
  });
});
