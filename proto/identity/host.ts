import { isIPv6 } from 'node:net';

/** Whether only this machine can reach a listener on `host`, or is at the other end of a connection from it. An IP address, with or without brackets, or `localhost`. */
export function isLoopback(host: string): boolean {
  const plain = plainHost(host);
  return plain === 'localhost' || plain === '::1' || /^127(?:\.\d{1,3}){3}$/.test(plain);
}

/** One spelling of a host: without brackets, zone and case, an IPv4 address that came mapped into IPv6 as IPv4, IPv6 compressed. */
export function plainHost(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  if (!bare.includes(':')) return bare.replace(/\.$/, '');
  try {
    // The URL parser writes every IPv6 address in its one canonical form.
    return new URL(`http://[${bare.replace(/%.*$/, '')}]/`).hostname.slice(1, -1);
  } catch {
    return bare;
  }
}

/** A host as it stands before a port: an IPv6 address in brackets, all else as it is. */
export const beforePort = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

/** Host of `host:port` or `[ipv6]:port`, in its one spelling; null when there is no port, or no host. */
export function hostOf(address: string): string | null {
  const [, ipv6, name, port] = /^(?:\[([0-9a-f:.%]+)\]|([^:\s[\]/]+)):(\d{1,5})$/i.exec(address) ?? [];
  const host = ipv6 ?? name;
  return host !== undefined && Number(port) <= 65_535 ? plainHost(host) : null;
}
