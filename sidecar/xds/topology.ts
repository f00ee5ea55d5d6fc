import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { ServerTool } from '../../proto/server-tool.ts';

export interface BackendWeight {
  name: string;
  weight: number;
}

/** A gateway's relay: `ip:port`, and whether it wants mTLS. */
export interface RelayPeer {
  address: string;
  isTls: boolean;
}

/** One server as the control plane last told it. Never changed in place. */
export interface ServerView {
  readonly name: string;
  readonly policy: ServerPolicy;
  readonly endpoints: readonly ReplicaEndpoint[];
  /** Slots of incarnations that are over, but that sessions may still name. Not in `endpoints`. */
  readonly lostSlots: ReadonlySet<string>;
  readonly backends: readonly BackendWeight[];
  /** The tools that the server's replicas list, by name; null while nobody knows them. */
  readonly tools: ReadonlyMap<string, ServerTool> | null;
  /** `ip:port` of all gateways’ relays, this one’s own among them. */
  readonly relays: readonly string[];
  /** Those of them that want mTLS. */
  readonly tlsRelays: readonly string[];
  bySlot(slot: string): ReplicaEndpoint | undefined;
  /** `ip:port`. */
  byAddress(address: string): ReplicaEndpoint | undefined;
}

/** All servers at one moment. A request takes one and keeps it, so that it sees one state of the fleet from beginning to end. */
export interface Topology {
  readonly servers: ReadonlyMap<string, ServerView>;
  server(name: string): ServerView | undefined;
  /** The server that has, or had, this slot: no two have the same. */
  ofSlot(slot: string): ServerView | undefined;
}

/** What the resources of one server hold, read and checked. */
export interface PolicyContent {
  policy: ServerPolicy;
  lostSlots: readonly string[];
  backends: readonly BackendWeight[];
  /** Default: nobody knows them. */
  tools?: readonly ServerTool[] | null;
}

export function makeServerView(
  { policy, lostSlots, backends, tools = null }: PolicyContent,
  endpoints: readonly ReplicaEndpoint[],
  relays: readonly RelayPeer[] = [],
): ServerView {
  const slots = new Map(endpoints.map((endpoint) => [endpoint.slot, endpoint]));
  const addresses = new Map(endpoints.map((endpoint) => [endpoint.address, endpoint]));
  return {
    name: policy.name,
    policy,
    endpoints,
    backends,
    lostSlots: new Set(lostSlots),
    tools: tools && new Map(tools.map((tool) => [tool.name, tool])),
    relays: relays.map(({ address }) => address),
    tlsRelays: relays.filter(({ isTls }) => isTls).map(({ address }) => address),
    bySlot: (slot) => slots.get(slot),
    byAddress: (address) => addresses.get(address),
  };
}

export function makeTopology(servers: Iterable<ServerView>): Topology {
  const byName = new Map([...servers].map((server) => [server.name, server]));
  const ofSlot = (slot: string): ServerView | undefined => {
    for (const view of byName.values()) if (view.bySlot(slot) !== undefined || view.lostSlots.has(slot)) return view;
    return undefined;
  };
  return { servers: byName, server: (name) => byName.get(name), ofSlot };
}
