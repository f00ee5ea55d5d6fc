import { bareHost, placeAt, type Placed } from '../../proto/place-at.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';

/** The server whose requests come on this path, if any. */
export const serverAt = (path: string, topology: TopologySnapshot): ServerTopology | undefined =>
  placedAt(path.split('?')[0] ?? '', undefined, topology)?.server;

/** The server whose requests come on this path and Host, and what is there. */
export function placedAt(
  path: string,
  host: string | undefined,
  { servers }: TopologySnapshot,
): ({ server: ServerTopology } & Placed) | null {
  // A host of one server alone goes before what all share.
  const byHost = [...servers].sort((a, b) => Number(hasHost(b, host)) - Number(hasHost(a, host)));
  for (const server of byHost) {
    const placed = placeAt(server.policy, path, host);
    if (placed) return { server, ...placed };
    if (hasHost(server, host)) return null;
  }
  return null;
}

const hasHost = ({ policy }: ServerTopology, host = ''): boolean =>
  policy.places.some((place) => place.host !== null && place.host === bareHost(host));
