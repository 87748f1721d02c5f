// One POST to the receiver of a webhook. What decides whether it may be reached is the very address that is connected to, so
// that a name which changes its answer between a check and its use is no way into the own network. Redirects are not
// followed, the answer is not read, and the proxy of the environment is not asked.

import { lookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { WEBHOOK_TIMEOUT_MS } from '#protocol/limits.ts';
import { isPrivateAddress } from '#server/values/private-address.ts';

/** Longest text of why it failed. */
const MAX_WHY_CHARS = 200;

export type Posted = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** Never rejects: what went wrong is the outcome. */
export async function post(
  receiver: { readonly url: URL; readonly allowPrivate: boolean },
  content: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  signal: AbortSignal,
): Promise<Posted> {
  const { url, allowPrivate } = receiver;
  const host = url.hostname.replaceAll(/^\[|\]$/g, '');
  // An address is not looked up.
  if (!allowPrivate && isIP(host) !== 0 && isPrivateAddress(host)) return failedBy(refusal(host));
  return new Promise((resolve) => {
    const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
      method: 'POST',
      headers: { ...content.headers, 'content-length': String(Buffer.byteLength(content.body)) },
      agent: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(WEBHOOK_TIMEOUT_MS)]),
      ...(allowPrivate ? {} : { lookup: lookupPublic }),
    });
    outgoing.once('response', (response) => {
      const { statusCode = 0 } = response;
      response.destroy();
      const isRedirect = statusCode >= 300 && statusCode < 400;
      const why = `answered ${statusCode}${isRedirect ? ': redirects are not followed' : ''}`;
      resolve(statusCode >= 200 && statusCode < 300 ? { ok: true } : { ok: false, why });
    });
    // Later ones, of a connection that is given up, say nothing new.
    outgoing.on('error', (error) => resolve(failedBy(error)));
    outgoing.end(content.body);
  });
}

/** As `dns.lookup`, but fails where any of the addresses is not one of the internet. */
const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    const hidden = (addresses ?? []).find(({ address }) => isPrivateAddress(address));
    if (error !== null) callback(error, '');
    else if (first === undefined || hidden !== undefined) callback(refusal(hidden?.address ?? hostname), '');
    else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function refusal(address: string): Error {
  return new Error(`${address} is not an address of the internet; allow_private: true allows it`);
}

/** In one line, for the log and `otter status`. */
export function readableWhy({ message }: Error): string {
  return message.replaceAll(/\p{C}/gu, ' ').slice(0, MAX_WHY_CHARS);
}

function failedBy(error: Error): Posted {
  const code = 'code' in error ? String(error.code) : '';
  const isLate = error.name === 'TimeoutError' || (error.cause instanceof Error && error.cause.name === 'TimeoutError');
  const why = isLate ? `no answer within ${WEBHOOK_TIMEOUT_MS / 1000} s` : error.message || code;
  return { ok: false, why: readableWhy(new Error(why)) };
}
