import { isIPv4, isIPv6 } from 'node:net';

/** `ip:port`, or `[ipv6]:port`, taken apart; undefined when it is neither. A name is not an address: that is what discovery is for. */
export function readAddress(text: string): { host: string; port: number } | undefined {
  const [, ipv6, ipv4 = '', digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = ipv6 ?? ipv4,
    port = Number(digits);
  const isAddress = ipv6 === undefined ? isIPv4(host) : isIPv6(host);
  return isAddress && port <= 65_535 ? { host, port } : undefined;
}
