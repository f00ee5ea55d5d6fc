import { isIPv4, isIPv6 } from 'node:net';

/** `ip:port`, or `[ipv6]:port`, taken apart; undefined when it is neither. A name is not an address: that is what discovery is for. */
export function readAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text);
  if (!match) return undefined;
  const host = match[1] ?? match[2]!;
  const port = Number(match[3]);
  const isAddress = match[1] === undefined ? isIPv4(host) : isIPv6(host);
  return isAddress && port <= 65_535 ? { host, port } : undefined;
}
