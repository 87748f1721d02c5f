// So many requests of one address in a second; beyond that they are refused before their token is looked at, and the connection is
// closed. The machine itself is not counted: whoever is on it, or came through a proxy on it that is not listed, has that one address.

import type { FastifyInstance } from 'fastify';
import { OtterError } from '#protocol/errors.ts';
import { addressOf } from '#server/http/request/client-address.ts';
import type { AddressRate } from './address-rate.ts';
import { isLoopback } from './network.ts';
import type { Proxies } from './connections.ts';

/** Seconds after which an address may come back, at the earliest. */
const CROWDED_RETRY_S = 30;

export function addRequestRate(app: FastifyInstance, rate: AddressRate, proxies: Proxies): void {
  app.addHook('onRequest', (request, reply, done) => {
    const address = addressOf(request);
    // A request in the name of the proxy itself is a check of its health, or it does not say for whom it asks.
    if (isLoopback(address) || rate.take(address) || proxies.has(address)) {
      done();
      return;
    }
    void reply.header('connection', 'close');
    done(
      new OtterError(
        'too_many_requests',
        'more requests come from this address than limits.per_address of server.yml allows',
        'wait as Retry-After says; behind a proxy, list it in trust_proxy',
        { retryAfterS: CROWDED_RETRY_S },
      ),
    );
  });
}
