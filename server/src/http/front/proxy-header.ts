// The header of the PROXY protocol, version 1 and 2, with which a proxy says for whom it opened a connection
// (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt). Pure. Strict: what is not exactly such a header is none.

import { isIPv4, isIPv6, SocketAddress } from 'node:net';

export type ProxyHeader =
  /** Not all of it is there. */
  | { readonly kind: 'incomplete' }
  /** These bytes are no such header, whatever else comes. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'header';
      readonly bytes: number;
      /** Undefined: the proxy speaks for itself, such as to see whether the server is there, or does not say. */
      readonly address: string | undefined;
    };

/** Longest header of version 1, with its line end; longest one of version 2 that is taken: what proxies add is far less. */
const MAX_V1_BYTES = 107;
const MAX_V2_BYTES = 2_048;

const V1_BEGIN = Buffer.from('PROXY ');
const V2_BEGIN = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
const V2_FIXED_BYTES = 16;

/** Addresses of TCP, by the byte of family and transport: bytes of one address, and of all that stands there. */
const V2_FAMILIES: ReadonlyMap<number, { readonly address: number; readonly whole: number }> = new Map([
  [0x11, { address: 4, whole: 12 }],
  [0x21, { address: 16, whole: 36 }],
]);
const V2_UNKNOWN = 0x00;

const NONE = { kind: 'none' } as const;
const INCOMPLETE = { kind: 'incomplete' } as const;

export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsLike(bytes, V1_BEGIN)) return bytes.length < V1_BEGIN.length ? INCOMPLETE : readV1(bytes);
  if (beginsLike(bytes, V2_BEGIN)) return bytes.length < V2_FIXED_BYTES ? INCOMPLETE : readV2(bytes);
  return NONE;
}

/** As far as both go. */
function beginsLike(bytes: Buffer, begin: Buffer): boolean {
  const length = Math.min(bytes.length, begin.length);
  return bytes.compare(begin, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_V1_BYTES).indexOf('\r\n');
  if (end < 0) return bytes.length < MAX_V1_BYTES ? INCOMPLETE : NONE;
  const line = bytes.toString('latin1', V1_BEGIN.length, end);
  const header = { kind: 'header', bytes: end + 2 } as const;
  if (/^UNKNOWN(?: |$)/.test(line)) return { ...header, address: undefined };
  const [family, from = '', to = '', ...ports] = line.split(' ');
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  return isAddress(from) && isAddress(to) && ports.length === 2 && ports.every(isPort)
    ? { ...header, address: from }
    : NONE;
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readV2(bytes: Buffer): ProxyHeader {
  const [command = 0, family = 0] = bytes.subarray(V2_BEGIN.length, V2_BEGIN.length + 2);
  const more = bytes.readUInt16BE(V2_BEGIN.length + 2);
  const length = V2_FIXED_BYTES + more;
  if ((command !== 0x20 && command !== 0x21) || length > MAX_V2_BYTES) return NONE;
  const layout = V2_FAMILIES.get(family);
  // Of what a proxy says for itself no address is looked at.
  const isLocal = command === 0x20 || family === V2_UNKNOWN;
  if (!isLocal && (layout === undefined || more < layout.whole)) return NONE;
  if (bytes.length < length) return INCOMPLETE;
  const address =
    isLocal || layout === undefined
      ? undefined
      : textOf(bytes.subarray(V2_FIXED_BYTES, V2_FIXED_BYTES + layout.address));
  return { kind: 'header', bytes: length, address };
}

function textOf(address: Buffer): string {
  if (address.length === 4) return address.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
