import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { RESOURCE, SERVER_POLICY_TYPE } from '../../proto/wire.ts';
import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { readEndpoints, readRelays } from './read-endpoints.ts';
import { readPolicy, type Read } from './read-policy.ts';
import { makeServerView, makeTopology, type PolicyContent, type ServerView, type Topology } from './topology.ts';

/** A resource as it was accepted: kept to be told again (reconnect) and to be written to the state file. */
export interface Accepted<T> {
  readonly version: string;
  readonly json: object;
  readonly value: T;
}

/** Everything the control plane has told and this sidecar has accepted. Values are never changed in place. */
export interface FleetState {
  readonly policies: ReadonlyMap<string, Accepted<PolicyContent>>;
  /** By server. */
  readonly endpoints: ReadonlyMap<string, Accepted<readonly ReplicaEndpoint[]>>;
  /** Servers with a policy and endpoints. */
  readonly topology: Topology;
}
export const EMPTY_FLEET: FleetState = { policies: new Map(), endpoints: new Map(), topology: makeTopology([]) };

export interface Delivery {
  typeUrl: string;
  resources: readonly { name: string; version: string; json: object }[];
  removed: readonly string[];
}

const PREFIX = RESOURCE.serverCluster('');
const serverOf = (clusterName: string): string | undefined =>
  clusterName.startsWith(PREFIX) ? clusterName.slice(PREFIX.length) : undefined;

/** The server that a resource is about; undefined when nobody asked for it. */
function serverNamed(typeUrl: string, name: string): string | undefined {
  if (typeUrl === SERVER_POLICY_TYPE) return name;
  return typeUrl === RESOURCE_TYPE.endpoints ? serverOf(name) : undefined;
}

/** Takes what is good of a delivery; `problems` are the reasons to refuse it (NACK). The last good value of a bad resource stays. */
export function accept(
  before: FleetState,
  delivery: Delivery,
): { state: FleetState; problems: string[]; changed: ReadonlySet<string> } {
  const policies = new Map(before.policies),
    endpoints = new Map(before.endpoints);
  const problems: string[] = [],
    changed = new Set<string>();
  const { typeUrl } = delivery;
  const read = (server: string, version: string, json: object): string | null =>
    typeUrl === SERVER_POLICY_TYPE
      ? take(policies, server, readPolicy(server, json), version, json)
      : take(endpoints, server, readEndpoints(server, json), version, json);
  for (const { name, version, json } of delivery.resources) {
    const server = serverNamed(typeUrl, name);
    const problem = server === undefined ? `${name} of type ${typeUrl} was not asked for` : read(server, version, json);
    if (problem !== null) problems.push(problem);
    else if (server !== undefined) changed.add(server);
  }
  for (const name of delivery.removed) {
    const server = serverNamed(typeUrl, name) ?? '';
    if ((typeUrl === SERVER_POLICY_TYPE ? policies : endpoints).delete(server)) changed.add(server);
  }
  if (changed.size === 0) return { state: before, problems, changed };
  // Endpoints of a server without a policy are of no use, and are asked for again should it come back.
  for (const server of endpoints.keys()) if (!policies.has(server)) endpoints.delete(server);
  return {
    state: { policies, endpoints, topology: combine(before.topology, policies, endpoints, changed) },
    problems,
    changed,
  };
}

/** Keeps what was read, or gives the reason to refuse it. */
function take<T>(
  into: Map<string, Accepted<T>>,
  server: string,
  read: Read<T>,
  version: string,
  json: object,
): string | null {
  if (read.kind === 'bad') return read.problem;
  into.set(server, { version, json, value: read.value });
  return null;
}

function combine(
  before: Topology,
  policies: FleetState['policies'],
  endpoints: FleetState['endpoints'],
  changed: ReadonlySet<string>,
): Topology {
  const servers: ServerView[] = [];
  for (const [name, policy] of policies) {
    const own = endpoints.get(name);
    if (!own) continue;
    const kept = changed.has(name) ? undefined : before.servers.get(name);
    servers.push(kept ?? makeServerView(policy.value, own.value, readRelays(own.json)));
  }
  return makeTopology(servers);
}

/** Whether each server that has a policy has its endpoints too. */
export const isComplete = (state: FleetState): boolean =>
  [...state.policies.keys()].every((server) => state.endpoints.has(server));

/** Name → version, as `initial_resource_versions` wants them. */
export function versionsOf(state: FleetState, typeUrl: string): Record<string, string> {
  if (typeUrl === SERVER_POLICY_TYPE)
    return Object.fromEntries([...state.policies].map(([name, { version }]) => [name, version]));
  return Object.fromEntries(
    [...state.endpoints].map(([server, { version }]) => [RESOURCE.serverCluster(server), version]),
  );
}
