// Which addresses count as one. An IPv6 network of 64 bits belongs to one customer, who may use every address in it. Asked for every
// request, so it goes through the text once.

const COLON = 0x3a;
const DOT = 0x2e;
const PERCENT = 0x25;
const GROUPS = 8;
/** Of the 64 bits. */
const NETWORK_GROUPS = 4;

/** `address` as the kernel writes it, or as a proxy forwards it and `isIP` knows it. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice('::ffff:'.length);
  const { groups, gapAt } = groupsOf(address);
  if (gapAt >= 0) groups.splice(gapAt, 0, ...ZEROS.slice(0, Math.max(0, GROUPS - groups.length)));
  const [one = 0, two = 0, three = 0, four = 0] = groups;
  return `${one.toString(16)}:${two.toString(16)}:${three.toString(16)}:${four.toString(16)}`;
}

const ZEROS: readonly number[] = Array.from({ length: GROUPS }, () => 0);

/** Where `::` stands for zeros, or -1. Ends as soon as the groups of the network are known. */
function groupsOf(address: string): { readonly groups: number[]; readonly gapAt: number } {
  const groups: number[] = [];
  let gapAt = -1;
  let value = -1;
  for (let at = 0; at < address.length; at += 1) {
    const code = address.charCodeAt(at);
    if (code === PERCENT) break;
    if (code === DOT) {
      // An IPv4 address at the end: two groups, of which none is in the network.
      groups.push(0);
      value = 0;
      break;
    }
    if (code !== COLON) {
      value = Math.max(value, 0) * 16 + hexOf(code);
      continue;
    }
    if (value >= 0) groups.push(value);
    else if (at > 0) gapAt = groups.length;
    value = -1;
    if (gapAt < 0 && groups.length === NETWORK_GROUPS) break;
  }
  if (value >= 0) groups.push(value);
  return { groups, gapAt };
}

/** Of a digit that is one, in either case. */
function hexOf(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

/** Whoever is on this machine, or came through something on it that does not say for whom. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
}
