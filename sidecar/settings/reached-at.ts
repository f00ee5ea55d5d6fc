import type { NetworkInterfaceInfo } from 'node:os';
import { beforePort } from '../../proto/identity/host.ts';

const WILDCARD = new Set(['0.0.0.0', '::', '[::]', '*']);
export const isWildcard = (host: string): boolean => WILDCARD.has(host);

/**
 * Host by which other machines reach what listens on `host`: the one of `--advertise`, else `host` itself. When it
 * listens everywhere, it is this machine's first address that is not loopback (a container has one). IPv4 comes before
 * IPv6. An IPv6 address comes in brackets, since a port follows it: a pod's own is told without.
 */
export function reachedAt(
  host: string,
  advertise: string | null,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): string {
  if (advertise !== null) return beforePort(advertise);
  if (!isWildcard(host)) return beforePort(host);
  const addresses = Object.values(interfaces)
    .flatMap((each) => each ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const found = addresses.find(({ family }) => family === 'IPv4') ?? addresses[0];
  if (!found) return '127.0.0.1';
  return beforePort(found.address);
}
