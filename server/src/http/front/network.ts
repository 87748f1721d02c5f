// Which addresses count as one. An IPv6 network of 64 bits belongs to one customer, who may use every address in it.

/** `address` as the kernel writes it, or as a proxy forwards it and `isIP` knows it. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [text = ''] = address.split('%', 1);
  const [left = '', right] = text.split('::', 2);
  const before = groupsOf(left);
  const after = groupsOf(right ?? '');
  const missing = right === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: missing }, () => '0'), ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** An IPv4 address at the end stands for two groups. */
function groupsOf(text: string): readonly string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
}

/** Whoever is on this machine, or came through something on it that does not say for whom. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
}
