import { Registry } from 'prom-client';
import type { ReplicaEndpoint, ReplicaState } from '../../../proto/endpoint.ts';
import type { Outcome } from '../../../proto/outcome.ts';
import { serverPolicySchema, type ServerPolicy } from '../../../proto/server-policy.ts';
import { slotName } from '../../../proto/session-id.ts';
import { HEADER } from '../../../proto/wire.ts';
import { Breakers } from '../../breaker/breakers.ts';
import type { AffinityStore } from '../../affinity/affinity-store.ts';
import { AffinityMemory } from '../../affinity/affinity-memory.ts';
import { sampleIdentities } from '../../principal/testing/sample-identities.ts';
import { pathMetrics } from '../../metrics/path-metrics.ts';
import { limitMetrics } from '../../metrics/limit-metrics.ts';
import { sessionMetrics } from '../../metrics/session-metrics.ts';
import { Recovery } from '../../recovery/recovery.ts';
import { ReplicaClient } from '../../replica/client.ts';
import { HeldWork } from '../held-work.ts';
import { startRelay, type Relay } from '../start-relay.ts';
import type { ReplicaReport } from '../relay-context.ts';
import { createSessionDirectory } from '../../session/cached-directory.ts';
import { createMemoryStore, MemoryBacking } from '../../session/memory-store.ts';
import type { SessionStore, StoreWatcher } from '../../session/session-store.ts';
import { StoreError } from '../../session/store-error.ts';
import type { SessionDirectory } from '../../session/session-directory.ts';
import type { Traces } from '../../tracing/tracing.ts';
import { ownSessionFetch } from '../../../deploy/test/clients/own-session.ts';
import { makeServerView, makeTopology } from '../../xds/topology.ts';

const fetchOwn = ownSessionFetch(fetch, 'relay');

export interface RigReplica {
  address: string;
  slot: string;
  state: ReplicaState;
  backend?: string;
}

/** One gateway's relay with all it needs, without Envoy and control plane: the test says where replicas are and in which state. */
export interface RelayRig {
  relay: Relay;
  url: string;
  port: number;
  headers: Record<string, string>;
  directory: SessionDirectory;
  recovery: Recovery;
  outcomes: Outcome[];
  reports: ReplicaReport[];
  /** Failures of the relay's own code that were contained. */
  internalErrors: unknown[];
  breakers: Breakers;
  /** POSTs a body as a client does that takes JSON and event streams. `more.url`: where it goes instead. */
  post(
    body: string,
    headers?: Record<string, string>,
    more?: { url?: string; signal?: AbortSignal },
  ): Promise<Response>;
  metric(name: string): Promise<number>;
  close(): Promise<void>;
}

/** What gateways of a fleet share in a test: the store, and the truth about replicas. */
export class RigFleet {
  readonly backing = new MemoryBacking();
  readonly identities = sampleIdentities();
  /** What gateways share of tasks, states and handles; null: nothing, as without Redis. */
  affinity: AffinityStore | null = mapStore();
  readonly replicas: RigReplica[];
  policy: ServerPolicy;
  /** Relays of all gateways, as each gateway is told of them. */
  relays: string[] = [];
  /** Of sidecar/tracing; null: nothing is traced. */
  traces: Traces | null = null;
  /** A gateway that is silent for so long, in ms, is gone. */
  nodeGoneMs = 10_000;
  /** The relays' clock. */
  now: () => number = Date.now;

  constructor(ports: readonly number[], policy: Record<string, unknown> = {}) {
    this.replicas = ports.map((port, index) => ({
      address: `127.0.0.1:${port}`,
      slot: slotName(index + 1),
      state: 'active',
    }));
    this.policy = serverPolicySchema.parse({ name: 'linear', ...policy });
  }

  topology() {
    const endpoints = this.replicas.map(
      ({ address, slot, state, backend = 'stable' }): ReplicaEndpoint => ({
        server: 'linear',
        replica: `r${slot}`,
        backend,
        slot,
        address,
        state,
        isSteady: true,
        weight: state === 'active' ? 1 : 0,
      }),
    );
    return makeTopology([
      makeServerView(
        { policy: this.policy, lostSlots: [], backends: [{ name: 'stable', weight: 100 }] },
        endpoints,
        this.relays.map((address) => ({ address, isTls: false })),
      ),
    ]);
  }

  /** While `partition.isCut` it can't reach the store. */
  async gateway(nodeId = 'gateway-1', partition = { isCut: false }): Promise<RelayRig> {
    const store = cuttable(createMemoryStore({ nodeId, backing: this.backing }), partition),
      directory = createSessionDirectory({ store, nodeId, ttlSeconds: () => 3600 });
    const registry = new Registry(),
      sessions = sessionMetrics(registry),
      limits = limitMetrics(registry),
      path = pathMetrics(registry),
      internalErrors: unknown[] = [],
      upstream = new ReplicaClient(undefined, (error) => internalErrors.push(error));
    const outcomes: Outcome[] = [],
      reports: ReplicaReport[] = [],
      breakers = new Breakers();
    const recovery = new Recovery({
      server: (name) => this.topology().server(name),
      directory,
      identities: this.identities,
      upstream,
      metrics: sessions,
    });
    const affinity = new AffinityMemory({ store: this.affinity });
    const relay = await startRelay({
      host: '127.0.0.1',
      port: 0,
      now: () => this.now(),
      nodeGoneMs: this.nodeGoneMs,
      topology: () => this.topology(),
      directory,
      held: new HeldWork(directory, path),
      identities: this.identities,
      recovery,
      upstream,
      breakers,
      affinity,
      ...(this.traces && { traces: this.traces }),
      metrics: { ...sessions, ...path, ...limits },
      outcomes: (outcome) => outcomes.push(outcome),
      report: (report) => reports.push(report),
      internalError: (_where, error) => internalErrors.push(error),
      health: () => Promise.resolve({ status: 200, body: { status: 'healthy' } }),
    });
    const url = `http://127.0.0.1:${relay.address.port}/mcp`,
      headers = { [HEADER.server]: 'linear', [HEADER.mode]: 'relay' };
    return {
      relay,
      port: relay.address.port,
      url,
      headers,
      post: (body, more = {}, { url: other = url, signal } = {}) =>
        fetchOwn(other, {
          method: 'POST',
          headers: {
            ...headers,
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            ...more,
          },
          body,
          ...(signal && { signal }),
        }),
      directory,
      recovery,
      outcomes,
      reports,
      internalErrors,
      breakers,
      async metric(name) {
        const values = (await registry.getMetricsAsJSON()).find((metric) => metric.name === name)?.values ?? [];
        return values.reduce(
          (sum, { value, ...rest }) =>
            sum +
            ((rest as { metricName?: string }).metricName?.endsWith('_sum') ||
            (rest as { metricName?: string }).metricName?.endsWith('_bucket')
              ? 0
              : value),
          0,
        );
      },
      async close() {
        await relay.close();
        affinity.close();
        recovery.close();
        await upstream.close();
        await directory.close();
        await store.close();
      },
    };
  }
}

function cuttable(store: SessionStore, partition: { isCut: boolean }): SessionStore {
  return new Proxy(store, {
    get(real, name: keyof SessionStore) {
      if (name === 'close') return () => real.close();
      if (name === 'watch')
        return (watcher: StoreWatcher) =>
          real.watch({
            onChange: (change) => {
              if (!partition.isCut) watcher.onChange(change);
            },
            onClaim: (claim) => {
              if (!partition.isCut) watcher.onClaim(claim);
            },
            onGap: () => watcher.onGap(),
          });
      return (...args: unknown[]) =>
        partition.isCut
          ? Promise.reject(new StoreError('unreachable', 'cut off by the test'))
          : (real[name] as (...args: unknown[]) => unknown)(...args);
    },
  });
}

function mapStore(): AffinityStore {
  const slots = new Map<string, string>();
  const nameOf = (server: string, { kind, digest }: { kind: string; digest: string }): string =>
    `${server} ${kind} ${digest}`;
  return {
    get: async (server, key) => slots.get(nameOf(server, key)) ?? null,
    set: async (server, key, slot) => {
      slots.set(nameOf(server, key), slot);
    },
    ping: async () => 0,
  };
}
