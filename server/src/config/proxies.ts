// `trust_proxy:`, `proxy_protocol:` and `plain_http:` of server.yml: who stands between clients and this server, and how it speaks to it.

import { isIP } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { Type } from 'typebox';
import { AddressList } from '#server/values/address-list.ts';
import { errorAt, type Problem } from '#server/config/yaml/problem.ts';
import type { Source } from '#server/config/yaml/yaml-document.ts';

export type PlainHttpConfig =
  | { readonly kind: 'port'; readonly host: string; readonly port: number }
  /** A socket of the file system. */
  | { readonly kind: 'socket'; readonly path: string };

export type ProxyConfig = {
  /** Addresses and networks whose word on an address is believed. */
  readonly trusted: AddressList;
  /** Whether their connections begin with a header of the PROXY protocol. */
  readonly speakProxyProtocol: boolean;
  /** Where a proxy on this machine that ends TLS itself speaks to this server. */
  readonly plainHttp: PlainHttpConfig | undefined;
};

const ProxyAddress = Type.Refine(
  Type.String({ description: 'an address (10.0.0.5) or a network (10.0.0.0/8)', examples: ['[10.0.0.5]'] }),
  isAddressOrNetwork,
  () => 'list the addresses of your proxies, such as "trust_proxy: [10.0.0.5, 192.168.1.0/24]"',
);

const PlainHttp = Type.Refine(
  Type.String({
    description: 'an address of this machine with a port (127.0.0.1:8080), or unix:FILE',
    examples: ['127.0.0.1:8080'],
  }),
  (text) => parsePlainHttp(text) !== undefined,
  () =>
    'write 127.0.0.1:PORT, "[::1]:PORT" or unix:FILE: on any other address tokens would cross a network in the clear',
);

export const PROXY_KEYS = {
  trust_proxy: Type.Optional(
    Type.Array(ProxyAddress, {
      maxItems: 100,
      description: 'a list of the addresses of your proxies',
      examples: ['[10.0.0.5, 192.168.1.0/24]'],
    }),
  ),
  proxy_protocol: Type.Optional(Type.Boolean({ description: 'true or false', examples: ['true'] })),
  plain_http: Type.Optional(PlainHttp),
} as const;

interface ProxyValues {
  readonly trust_proxy?: readonly string[];
  readonly proxy_protocol?: boolean;
  readonly plain_http?: string;
}

export function readProxies(value: ProxyValues, home: string): ProxyConfig {
  const plain = value.plain_http === undefined ? undefined : parsePlainHttp(value.plain_http);
  return {
    trusted: new AddressList(value.trust_proxy ?? []),
    speakProxyProtocol: value.proxy_protocol ?? false,
    plainHttp: plain?.kind === 'socket' && !isAbsolute(plain.path) ? { ...plain, path: join(home, plain.path) } : plain,
  };
}

/** What each key asks of the others. */
export function checkProxies(value: ProxyValues, source: Source): readonly Problem[] {
  const trusted = new AddressList(value.trust_proxy ?? []);
  const problems: Problem[] = [];
  if (value.proxy_protocol === true && trusted.isEmpty)
    problems.push(
      errorAt(
        source.place(['proxy_protocol']),
        'trust_proxy names no proxy that may speak it',
        'list the addresses of your proxies, such as "trust_proxy: [10.0.0.5]"',
      ),
    );
  const plain = value.plain_http === undefined ? undefined : parsePlainHttp(value.plain_http);
  const from = plain?.kind === 'port' ? plain.host : '127.0.0.1';
  if (plain !== undefined && !trusted.has(from))
    problems.push(
      errorAt(
        source.place(['plain_http']),
        `its connections come from ${from}, which trust_proxy does not list`,
        `write "trust_proxy: [${from.includes(':') ? `"${from}"` : from}]": the proxy must say for whom it asks, in X-Forwarded-For`,
      ),
    );
  return problems;
}

function parsePlainHttp(text: string): PlainHttpConfig | undefined {
  const path = /^unix:([^\0]{1,200})$/.exec(text)?.[1];
  if (path !== undefined) return { kind: 'socket', path };
  const [, v6, v4, digits = ''] = /^(?:\[([0-9a-f:]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = v6 ?? v4 ?? '';
  const port = Number(digits);
  if (isIP(host) === 0 || !LOOPBACK.has(host) || port < 1 || port > 65_535) return undefined;
  return { kind: 'port', host, port };
}

const LOOPBACK = new AddressList(['127.0.0.0/8', '::1']);

/** A network of /0 is everybody, which is what the list is there to prevent. */
function isAddressOrNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  const bits = Number(prefix);
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && bits >= 1 && bits <= (family === 4 ? 32 : 128));
}
