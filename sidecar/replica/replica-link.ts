import type { ReplicaTls } from '../../proto/endpoint.ts';
import type { Topology } from '../xds/topology.ts';

/** What is special about the way to one replica. */
export interface ReplicaLink {
  host: string | null;
  tls: ReplicaTls | null;
}

/** Links by address, of the topology in force. Most replicas have none. `peerTls`: what neighbours' relays are reached with, where they want mTLS. */
export function replicaLinks(
  topology: () => Topology,
  peerTls: ReplicaTls | null = null,
): (address: string) => ReplicaLink | undefined {
  let of: Topology | undefined;
  let links = new Map<string, ReplicaLink>();
  return (address) => {
    const now = topology();
    if (now !== of) {
      of = now;
      links = new Map(
        [...now.servers.values()].flatMap(({ endpoints, tlsRelays }) => [
          ...endpoints.flatMap(({ address: at, host = null, tls = null }) =>
            host === null && tls === null ? [] : [[at, { host, tls }] as const],
          ),
          ...tlsRelays.map((at) => [at, { host: null, tls: peerTls }] as const),
        ]),
      );
    }
    return links.get(address);
  };
}

/** Are connections made in the same way? Each topology makes its links anew. */
export const isSameLink = (one: ReplicaLink | undefined, other: ReplicaLink | undefined): boolean =>
  one === other || JSON.stringify(one?.tls ?? null) === JSON.stringify(other?.tls ?? null);
