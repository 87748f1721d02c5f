// Addresses and networks, and whether an address is among them.

import { BlockList, isIPv6 } from 'node:net';

export class AddressList {
  readonly isEmpty: boolean;
  readonly #list = new BlockList();

  /** Addresses (10.0.0.5), and networks with their prefix (10.0.0.0/8), as the configuration checked them. */
  constructor(entries: readonly string[]) {
    this.isEmpty = entries.length === 0;
    for (const entry of entries) {
      const [address = '', prefix] = entry.split('/');
      if (prefix === undefined) this.#list.addAddress(address, familyOf(address));
      else this.#list.addSubnet(address, Number(prefix), familyOf(address));
    }
  }

  has(address: string): boolean {
    return !this.isEmpty && this.#list.check(address, familyOf(address));
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
