// The proxies of `trust_proxy`: what they say of an address is believed.

import { BlockList, isIPv6 } from 'node:net';

export class TrustedProxies {
  readonly #list: BlockList | undefined;

  /** Addresses, and networks with their prefix, as the configuration checked them. */
  constructor(proxies: readonly string[]) {
    if (proxies.length === 0) return;
    this.#list = new BlockList();
    for (const proxy of proxies) {
      const [address = '', prefix] = proxy.split('/');
      const family = familyOf(address);
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  /** No proxy at all is listed. */
  get isEmpty(): boolean {
    return this.#list === undefined;
  }

  has(address: string): boolean {
    return this.#list?.check(address, familyOf(address)) ?? false;
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
