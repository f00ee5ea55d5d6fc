/**
 * Whom an address stands for. An IPv4 address stands for itself, an IPv6 one for its /64, because every host has a
 * whole /64 to choose from. Null for what is no address.
 */
export function addressKey(address: string | null): string | null {
  if (address === null || address === '' || address.length > MAX_ADDRESS_LENGTH) return null;
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1] ?? null;
  const [head = '', tail] = address.toLowerCase().split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, GROUPS - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  const network = groups.slice(0, GROUPS / 2).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${network.join(':')}::/64`;
}

/** An IPv6 address with an IPv4 tail and a zone. */
const MAX_ADDRESS_LENGTH = 64;
const GROUPS = 8;
