// HTTP without TLS, for a proxy on the machine: the same server, by a socket or a loopback address, for listed proxies alone.

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import net from 'node:net';
import { chmod, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../support/proxy-program.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const SOCKET = 'trust_proxy: [127.0.0.1]\nplain_http: unix:data/http.sock';

async function start(settings: string, like?: TestServer): Promise<TestServer> {
  const server = await startTestServer(like === undefined ? { settings } : { like });
  onTestFinished(async () => (like === undefined ? server.end() : server.stop()));
  return server;
}

interface Asked {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
}

async function ask(
  to: { readonly socketPath: string } | { readonly port: number; readonly localAddress?: string },
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Asked> {
  const asked = request({ ...to, host: '127.0.0.1', path, headers, agent: false });
  asked.end();
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject);
  });
  answer.resume();
  await once(answer, 'end');
  return { status: answer.statusCode ?? 0, headers: answer.headers };
}

describe('over a socket', () => {
  test('the server answers as with TLS, and knows for whom the proxy asks', async () => {
    const server = await start(SOCKET);
    const to = { socketPath: join(server.home, 'data/http.sock') };
    const authorization = `Bearer ${server.adminToken}`;
    expect((await ask(to, '/api/v1/admin/status')).status).toBe(401);
    expect((await ask(to, '/api/v1/admin/status', { authorization })).status).toBe(200);
    server.logged.length = 0;
    const { headers } = await ask(to, '/healthz', { 'x-forwarded-for': '203.0.113.9' });
    await vi.waitFor(() => expect(server.logged.join('')).toContain('"ip":"203.0.113.9"'));
    expect(headers['strict-transport-security'], 'without TLS').toBeUndefined();
    expect((await server.fetch('GET', '/healthz')).status, 'the port with TLS is there too').toBe(200);
  });

  test('is open to the user and the group of the server alone', async () => {
    const server = await start(SOCKET);
    const { mode } = await stat(join(server.home, 'data/http.sock'));
    expect(mode & 0o777).toBe(0o660);
  });

  test('what a server that was killed left there is replaced; one that somebody uses is not', async () => {
    const server = await start(SOCKET);
    const path = join(server.home, 'data/http.sock');
    await server.stop();
    const left = net.createServer();
    left.listen(path);
    await once(left, 'listening');
    await chmod(path, 0o600);
    await expect(startTestServer({ like: server })).rejects.toThrow(/plain_http: nobody can listen at .*EADDRINUSE/);
    // As after kill -9: the file is there, and nobody listens.
    await rename(path, `${path}.kept`);
    left.close();
    await once(left, 'close');
    await rename(`${path}.kept`, path);
    const again = await start('', server);
    expect((await ask({ socketPath: path }, '/healthz')).status).toBe(200);
    expect(again.home).toBe(server.home);
  });
});

describe('over a loopback address', () => {
  test('who is not listed is closed, before anything is read', async () => {
    const port = await freePort();
    await start(`trust_proxy: [127.0.0.1]\nplain_http: 127.0.0.1:${port}`);
    expect((await ask({ port }, '/healthz')).status).toBe(200);
    await expect(ask({ port, localAddress: '127.0.0.9' }, '/healthz')).rejects.toThrow(/hang up|ECONNRESET/);
  });

  test('what is no request is refused in the words of the API', async () => {
    const port = await freePort();
    await start(`trust_proxy: [127.0.0.1]\nplain_http: 127.0.0.1:${port}`);
    const socket = net.connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n');
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*request_malformed/s);
  });

  test('a server that stops lets a connection go that the proxy keeps open', async () => {
    const port = await freePort();
    const server = await start(`trust_proxy: [127.0.0.1]\nplain_http: 127.0.0.1:${port}`);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.resume();
    const closed = once(socket, 'close');
    await server.stop(60_000);
    await closed;
    await start('', server);
  });
});
