// From where a request comes. What a proxy says of it is text that anybody may have written: only an address is believed.

import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** The address of the client: as a proxy of `trust_proxy` has it where that is one, else of the connection. */
export function addressOf(request: FastifyRequest): string {
  const { ip } = request;
  return isIP(ip) === 0 ? (request.raw.socket.remoteAddress ?? '') : ip;
}
