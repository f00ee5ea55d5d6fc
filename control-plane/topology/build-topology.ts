import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { Config } from '../config/config-schema.ts';
import type { Place } from '../../proto/place.ts';
import type { ServerConfig } from '../config/server-schema.ts';
import { replicaKey, type KnownReplica, type TopologyInputs } from './inputs.ts';
import { placesOf } from './places-of.ts';
import { processesOf } from './processes-of.ts';
import { replicaState } from './replica-state.ts';
import { serverPolicy } from './server-policy.ts';
import { shareWeights } from './share-weight.ts';
import type { JwtTopology, ServerTopology, TopologySnapshot } from './topology.ts';

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A drain names a replica by its name or its address, or a whole backend. */
const takesOut = (drain: TopologyInputs['drains'][number], replica: KnownReplica): boolean =>
  drain.replica
    ? drain.replica === replica.name || drain.replica === replica.address
    : drain.backend === replica.backend;

/** An endpoint without its share of new sessions, and whether it gets one. */
interface KnownEndpoint {
  endpoint: ReplicaEndpoint;
  takesNew: boolean;
}

/** A replica whose breaker is not closed gets no new sessions, and each request of its own sessions is decided on. */
function knownEndpoint(
  server: string,
  { name, backend, address }: KnownReplica,
  slot: string,
  state: ReplicaEndpoint['state'],
  breakers: TopologyInputs['openBreakers'],
): KnownEndpoint {
  const open = breakers.find((each) => each.slot === slot && each.tool === null);
  const isSteady = (state === 'active' || state === 'standby') && !open;
  return {
    endpoint: { server, replica: name, backend, slot, address, state, isSteady, weight: 0 },
    takesNew: state === 'active' && (!open || open.isTrialDue === true),
  };
}

function serverTopology(
  server: ServerConfig,
  replicas: readonly KnownReplica[],
  inputs: TopologyInputs,
): ServerTopology {
  const { config } = inputs;
  const rollout = inputs.weights.get(server.name);
  const weights = new Map(
    server.backends.map((backend) => [backend.name, rollout?.get(backend.name) ?? backend.weight]),
  );
  const breakers = inputs.openBreakers.filter((each) => each.server === server.name);
  const drains = inputs.drains.filter((each) => each.server === server.name);

  const healthOf = ({ address }: KnownReplica) => inputs.health.get(replicaKey(server.name, address));
  const isLeaving = (replica: KnownReplica): boolean =>
    replica.isTerminating === true || drains.some((each) => takesOut(each, replica));
  const takesNewSessions = (replica: KnownReplica): boolean =>
    healthOf(replica) === 'healthy' && replica.isReady !== false && !isLeaving(replica);
  const isUntried = (replica: KnownReplica): boolean => healthOf(replica) === undefined && served.has(replica.backend);
  const served = new Set(replicas.filter(takesNewSessions).map(({ backend }) => backend));

  const known = replicas.flatMap((replica): KnownEndpoint[] => {
    const key = replicaKey(server.name, replica.address);
    const slot = inputs.slots.get(key),
      backendWeight = weights.get(replica.backend);
    if (slot === undefined || backendWeight === undefined) return [];
    const state = replicaState({
      isHealthy: healthOf(replica) !== 'unhealthy',
      isDraining: isLeaving(replica),
      // A replica that is not ready, or not looked at yet while others serve, takes nothing new, like one of a backend
      // without weight. It keeps its sessions.
      backendWeight: replica.isReady === false || isUntried(replica) ? 0 : backendWeight,
    });
    return [knownEndpoint(server.name, replica, slot, state, breakers)];
  });
  known.sort(({ endpoint: a }, { endpoint: b }) => a.slot.length - b.slot.length || byText(a.slot, b.slot));

  const taking = new Map<string, number>();
  for (const { endpoint, takesNew } of known)
    if (takesNew) taking.set(endpoint.backend, (taking.get(endpoint.backend) ?? 0) + 1);
  const shares = shareWeights(weights, taking);
  const endpoints = known.map(({ endpoint, takesNew }) =>
    takesNew ? { ...endpoint, weight: shares.get(endpoint.backend) ?? 0 } : endpoint,
  );

  return {
    name: server.name,
    policy: serverPolicy(server, config),
    backends: server.backends.map((backend) => ({
      name: backend.name,
      weight: taking.has(backend.name) ? (weights.get(backend.name) ?? 0) : 0,
      hostOverride: backend.hostOverride ?? server.hostOverride,
      tls: backend.tls ?? null,
    })),
    endpoints,
    lostSlots: [...(inputs.lostSlots.get(server.name) ?? [])].sort(byText),
    tools: inputs.tools?.get(server.name) ?? null,
    hasOpenToolBreaker: breakers.some((each) => each.tool !== null),
    allowedOrigins: server.allowedOrigins,
    allowedHosts: server.allowedHosts,
    cors: server.cors ?? null,
    mapsChallenge: mapsChallenge(server, config),
    jwt: jwtTopology(server, placesOf(server, config)),
    rateLimit: server.rateLimit,
  };
}

/** By the configuration's own object: the inputs of the server's last topology, and that. */
const built = new WeakMap<ServerConfig, { inputs: readonly unknown[]; topology: ServerTopology }>();

/** As `serverTopology`. Equal inputs give the very same object: of hundreds of servers one changes at a time. */
function sameServerTopology(
  server: ServerConfig,
  replicas: readonly KnownReplica[],
  all: TopologyInputs,
): ServerTopology {
  const { name } = server;
  const ofServer = <T extends { server: string }>(list: readonly T[]): T[] =>
    list.filter((each) => each.server === name);
  const inputs = [
    all.config,
    all.tools?.get(name),
    JSON.stringify([
      [...(all.weights.get(name) ?? [])],
      ofServer(all.openBreakers),
      ofServer(all.drains),
      all.lostSlots.get(name) ?? [],
    ]),
    ...replicas.flatMap((replica) => {
      const key = replicaKey(name, replica.address);
      return [replica, all.slots.get(key), all.health.get(key)];
    }),
  ];
  const before = built.get(server);
  if (before?.inputs.length === inputs.length && before.inputs.every((each, index) => each === inputs[index]))
    return before.topology;
  const topology = serverTopology(server, replicas, all);
  built.set(server, { inputs, topology });
  return topology;
}

function jwtTopology({ jwt }: ServerConfig, places: readonly Place[]): JwtTopology | null {
  if (!jwt) return null;
  const { audiences, authorizationServers, issuer } = jwt,
    isUrl = /^https?:\/\//.test(issuer);
  return {
    ...jwt,
    audiences: audiences.length > 0 ? audiences : places.map(({ url, path }) => url ?? path),
    authorizationServers: authorizationServers.length > 0 || !isUrl ? authorizationServers : [issuer],
  };
}

/** Where somebody said how clients reach the server. It costs each request two filters, which a mesh for this machine alone does without. */
const mapsChallenge = ({ jwt, routes, hosts }: ServerConfig, { publicUrl }: Config): boolean =>
  jwt === undefined && (publicUrl !== undefined || routes.length > 0 || hosts.length > 0);

/** From everything that is known to everything that resources are made of. Pure. */
export function buildTopology(inputs: TopologyInputs): TopologySnapshot {
  const { config, gateways } = inputs;
  const gatewaysOut = new Set(
    (inputs.gatewaysOut ?? []).flatMap((id) => [id, ...processesOf(gateways, id).map((each) => each.id)]),
  );
  const replicas = Map.groupBy(inputs.replicas, ({ server }) => server);
  return {
    servers: config.servers
      .map((server) => sameServerTopology(server, replicas.get(server.name) ?? [], inputs))
      .sort((a, b) => byText(a.name, b.name)),
    gateways: gateways
      .map((each) => (gatewaysOut.has(each.id) ? { ...each, isDraining: true } : each))
      .sort((a, b) => byText(a.id, b.id)),
    gatewaysOut: [...gatewaysOut].sort(byText),
    gateway: config.gateway,
    trustDomain: inputs.trustDomain ?? null,
    edge: config.edge ?? null,
    loadBalancer: config.loadBalancer,
    port: config.port,
    tracing: config.tracing ?? null,
  };
}
