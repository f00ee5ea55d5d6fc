import type { DnsDiscovery } from '../config/backend-schema.ts';
import { formatAddress, replicaAt, type DiscoveredReplica } from './source.ts';

export interface Resolved {
  replicas: DiscoveredReplica[];
  ttlsSeconds: number[];
}
export interface AddressRecord {
  address: string;
  ttl: number;
}
export interface ServiceRecord {
  name: string;
  port: number;
  priority: number;
}

/** The questions that a source asks; answered by node:dns. */
export interface Resolver {
  addresses(name: string, family: 4 | 6): Promise<AddressRecord[]>;
  services(name: string): Promise<ServiceRecord[]>;
}

/** Asks for the replicas of one DNS source. SRV targets are asked for by A and AAAA; a target without either is left out unless it is the only one. */
export async function resolveReplicas(resolver: Resolver, { name, record, port }: DnsDiscovery): Promise<Resolved> {
  if (record !== 'SRV') {
    const found = await resolver.addresses(name, record === 'A' ? 4 : 6);
    return {
      replicas: found.map(({ address }) => replicaAt(formatAddress(address, port ?? 0))),
      ttlsSeconds: found.map(({ ttl }) => ttl),
    };
  }
  const services = mostPreferred(await resolver.services(name));
  const asked = await Promise.allSettled(services.map((service) => targetOf(resolver, service)));
  const answered = asked.filter((each) => each.status === 'fulfilled').map((each) => each.value);
  if (answered.length === 0 && asked[0]?.status === 'rejected') throw asked[0].reason;
  return {
    replicas: answered.flatMap((each) => each.replicas),
    ttlsSeconds: answered.flatMap((each) => each.ttlsSeconds),
  };
}

async function targetOf(resolver: Resolver, { name, port }: ServiceRecord): Promise<Resolved> {
  const families = await Promise.allSettled([resolver.addresses(name, 4), resolver.addresses(name, 6)]);
  const found = families.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  if (found.length === 0 && families[0].status === 'rejected') throw families[0].reason;
  const unnamed = found.length > 1;
  return {
    replicas: found.map(({ address }) =>
      replicaAt(formatAddress(address, port), unnamed ? `${name}:${port}/${address}` : `${name}:${port}`),
    ),
    ttlsSeconds: found.map(({ ttl }) => ttl),
  };
}

/** RFC 2782: a client must use the lowest priority that it can reach. */
function mostPreferred(services: ServiceRecord[]): ServiceRecord[] {
  const best = Math.min(...services.map(({ priority }) => priority));
  return services.filter(({ priority }) => priority === best);
}

/** When to ask again: the shortest TTL, within the configured bounds. */
export function refreshAfterMs(
  ttlsSeconds: readonly number[],
  { minRefreshMs, maxRefreshMs }: Pick<DnsDiscovery, 'minRefreshMs' | 'maxRefreshMs'>,
): number {
  const ttlMs = ttlsSeconds.length === 0 ? minRefreshMs : Math.min(...ttlsSeconds) * 1000;
  return Math.max(minRefreshMs, Math.min(maxRefreshMs, ttlMs));
}
