// Which addresses are not out on the internet: what a webhook must not reach unless its operator says so, because behind
// them stand machines that trust their neighbours. Registries: IANA IPv4 and IPv6 Special-Purpose Address Registry (RFC 6890).

import { BlockList, isIP } from 'node:net';

const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8], // this network, and the unspecified address
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared by carriers (CGNAT)
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, where clouds keep their metadata
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays, given up
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
] as const)
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv4');

/** Only 2000::/3 is given out to the internet; these parts of it lead elsewhere. */
const GLOBAL_UNICAST = new BlockList();
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6');
for (const [network, prefix] of [
  ['2001::', 23], // protocol assignments, among them Teredo
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: an IPv4 address in IPv6
  ['3fff::', 20], // documentation
] as const)
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv6');

/** True also for what is no address at all: unknown means refuse. IPv4 addresses inside IPv6 are judged as IPv6, so refused. */
export function isPrivateAddress(address: string): boolean {
  // A zone (`fe80::1%eth0`) names an interface of this machine.
  switch (isIP(address)) {
    case 4:
      return NOT_PUBLIC.check(address, 'ipv4');
    case 6:
      return address.includes('%') || !GLOBAL_UNICAST.check(address, 'ipv6') || NOT_PUBLIC.check(address, 'ipv6');
    default:
      return true;
  }
}
