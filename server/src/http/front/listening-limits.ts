// How a port of this server speaks TLS and HTTP: versions, suites, sizes, times. Times in milliseconds; Node's own defaults leave some of
// them at "none".

import { MAX_HEADER_BYTES } from '#protocol/limits.ts';
import { TICKET_WEEK_S } from '#server/service/access/ticket-keys.ts';

/** Of TLS 1.3 all; of TLS 1.2 those with forward secrecy and authenticated encryption (RFC 9325, 4.2): no CBC, no SHA-1. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** A handshake, and a header of the PROXY protocol before it, must be done after this time. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

export const TLS_LIMITS = {
  minVersion: 'TLSv1.2',
  ciphers: CIPHERS,
  sessionTimeout: TICKET_WEEK_S,
  handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
} as const;

export const HTTP_LIMITS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: 10_000,
  // Refused in `request-form.ts`, in the words of this API.
  requireHostHeader: false,
  // Bodies have deadlines of their own (`read-body.ts`): an upload over a slow line may take long.
  requestTimeout: 0,
  connectionsCheckingInterval: 5_000,
} as const;

export const CONNECTION_LIMITS = {
  keepAliveTimeout: 5_000,
  connectionTimeout: 90_000,
  maxRequestsPerSocket: 1_000,
} as const;

/**
 * How long a connection is kept that nobody needs at the moment, by browsers and proxies: both keep several, and take one just as the server closes it. A
 * browser tries three of them, then gives up a file of the page. Boards come again in minutes: theirs are closed sooner.
 */
export const LONG_KEEP_ALIVE_MS = 75_000;
