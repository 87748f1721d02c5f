// A small HTTPS server with real certificates, for what the transport does: pins, tokens, broken connections. What Otter's
// own server answers is tested against that server.

import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSelfSigned } from '#server/certs/self-signed.ts';

export interface SmallServer {
  readonly url: string;
  readonly port: number;
  readonly pin: string;
  /** `GET /path` of every request that arrived. */
  readonly requests: readonly string[];
  readonly stop: () => Promise<void>;
}

export async function startSmallServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  port = 0,
): Promise<SmallServer> {
  const { certPem, keyPem } = await createSelfSigned({ hosts: ['127.0.0.1'], nowMs: Date.now(), validYears: 1 });
  const requests: string[] = [];
  const server = https.createServer({ cert: certPem, key: keyPem }, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    handle(request, response);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (!isAddress(address)) throw new Error('the server has no port');
  return {
    url: `https://127.0.0.1:${address.port}`,
    port: address.port,
    pin: spkiPin(certPem),
    requests,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function spkiPin(certPem: string): string {
  const der = new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' });
  return `spki:${createHash('sha256').update(der).digest('hex')}`;
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
