import { noCounters } from '../../../proto/slo-window.ts';
import { parseConfig } from '../../config/parse-config.ts';
import { ConfigVersions } from '../../config-versions/config-versions.ts';
import { Drains } from '../../drain/drains.ts';
import { memoryEventLog } from '../../events/memory-event-log.ts';
import { fileSharedState } from '../../lease/file-shared-state.ts';
import { soleLease } from '../../lease/lease.ts';
import type { ProbeResult } from '../../probe/probes.ts';
import { Rollouts } from '../../rollout/rollouts.ts';
import { buildTopology } from '../../topology/build-topology.ts';
import { replicaKey } from '../../topology/inputs.ts';
import type { BreakerControl } from '../breaker-control.ts';
import type { AdminContext } from '../context.ts';
import type { SessionReader, SessionView } from '../session-reader.ts';

export const SAMPLE_CONFIG = `ha: {clusterNodes: [gateway-1, gateway-2]}
servers:
  - name: linear
    backends:
      - {name: stable, weight: 100, replicas: [{address: "10.0.0.1:3000", name: linear-1}, {address: "10.0.0.2:3000", name: linear-2}]}
      - {name: canary, weight: 0, replicas: [{address: "10.0.0.3:3000", name: linear-3}]}
  - name: files
    guard: off
    backends: [{name: main, replicas: ["10.0.1.1:3000"]}]
`;

export interface Sample {
  context: AdminContext;
  world: { now: number; unhealthy: Set<string>; sessions: SessionView[]; orders: string[]; file: string };
  stop: () => Promise<void>;
}

/** For tests: everything the admin API stands on, over a small mesh of which nothing runs. Slots are a, b, c, d in the order of addresses. */
export async function sampleContext(): Promise<Sample> {
  const world: Sample['world'] = {
    now: 1_000_000,
    unhealthy: new Set(),
    sessions: [],
    orders: [],
    file: SAMPLE_CONFIG,
  };
  const config = () => {
    const parsed = parseConfig(world.file, {});
    if (parsed.kind === 'bad') throw new Error(JSON.stringify(parsed.problems));
    return parsed.config;
  };
  const now = () => world.now,
    state = await fileSharedState(null),
    events = memoryEventLog(now),
    lease = soleLease('sample');
  const replicas = () =>
    config().servers.flatMap(({ name: server, backends }) =>
      backends.flatMap(({ name: backend, replicas: listed = [] }) =>
        listed.map(({ address, name }) => ({ server, backend, address, name, isTerminating: false })),
      ),
    );
  const topology = () =>
    buildTopology({
      config: config(),
      replicas: replicas(),
      weights: rollouts.weights(),
      openBreakers: [],
      health: new Map(
        [...world.unhealthy].map((name) => {
          const found = replicas().find((each) => each.name === name)!;
          return [replicaKey(found.server, found.address), 'unhealthy'] as const;
        }),
      ),
      slots: new Map(replicas().map(({ server, address }, index) => [replicaKey(server, address), 'abcdefgh'[index]!])),
      lostSlots: new Map([['linear', ['z']]]),
      drains: drains.current().flatMap(({ target }) =>
        target.kind === 'gateway'
          ? []
          : [
              {
                server: target.server,
                ...(target.kind === 'replica' ? { replica: target.replica } : { backend: target.backend }),
              },
            ],
      ),
      gateways: [{ id: 'gateway-1', relay: ['127.0.0.1:1'], peer: null, listen: null, isDraining: false }],
    });
  const endpoints = () => topology().servers.flatMap((server) => server.endpoints);
  const drains: Drains = new Drains({
    state,
    lease,
    events,
    now,
    tickMs: 20,
    gateways: () => ['gateway-1'],
    onChange: () => {},
    remainingOn: async () => ({ sessions: 0, inFlight: 0, lastActivityMs: null }),
    inFlightOfGateway: async () => 0,
    replicas: () =>
      replicas().map((each) => ({
        ...each,
        replica: each.name,
        slot: 'a',
        isHealthy: !world.unhealthy.has(each.name),
        formerIncarnationSeenAtMs: null,
      })),
  });
  const rollouts: Rollouts = new Rollouts({
    state,
    lease,
    events,
    now,
    tickMs: 3_600_000,
    onChange: () => {},
    slo: async () => null,
    servers: () =>
      config().servers.map(({ name, backends }) => ({
        name,
        backends: backends.map((backend) => ({
          name: backend.name,
          weight: backend.weight,
          healthy: backend.replicas?.length ?? 0,
          tools: backend.name === 'canary' ? [{ name: 'search' }] : [{ name: 'search' }, { name: 'add' }],
        })),
      })),
  });
  const sessions: SessionReader = {
    find: async (server, digest) =>
      world.sessions.find((each) => each.server === server && each.digest === digest) ?? null,
    count: async (server, slot) => world.sessions.filter((each) => each.server === server && each.slot === slot).length,
    list: async (server, slot, limit) =>
      world.sessions.filter((each) => each.server === server && each.slot === slot).slice(0, limit),
    listDigests: async (server, slot, beginning, limit) =>
      world.sessions
        .filter((each) => each.server === server && each.slot === slot && !each.isEnded)
        .filter(({ digest }) => digest.startsWith(beginning))
        .slice(0, limit),
  };
  const breakers: BreakerControl = {
    list: async () => [
      { server: 'linear', level: 'replica', key: 'a', state: 'open', isNotClosed: true, decision: null, order: null },
    ],
    order: async (server, { level, key }, command) => {
      world.orders.push(`${server} ${level} ${key} ${command}`);
    },
  };
  const versions = new ConfigVersions(state, 'sample', now);
  await versions.accept(SAMPLE_CONFIG);
  const probes = () =>
    new Map(
      endpoints().map(({ server, replica, address }) => [
        `${server}/${replica}`,
        {
          server,
          replica,
          address,
          health: world.unhealthy.has(replica) ? 'unhealthy' : 'healthy',
          streak: 0,
          incarnation: 0,
          formerIncarnationSeenAtMs: null,
          lastAnswerAtMs: 1,
          wasRefused: false,
          eras: ['legacy'],
          tools: [{ name: 'search' }],
          detail: world.unhealthy.has(replica) ? 'connection failed: ECONNREFUSED' : 'answers',
          checkedAtMs: world.now,
          responseTimeMs: 3,
          sinceMs: 0,
        } satisfies ProbeResult,
      ]),
    );
  const context: AdminContext = {
    id: 'sample',
    version: '0.0.0',
    startedAtMs: 0,
    now,
    config,
    topology,
    discovery: () => new Map(),
    withoutHeartbeat: () => [],
    nodes: () => [{ id: 'gateway-1', role: 'sidecar' }],
    pingStore: async () => 0.5,
    file: {
      path: 'holdfast.yaml',
      read: async () => world.file,
      check: (text) => {
        const parsed = parseConfig(text, {});
        return parsed.kind === 'ok' ? [] : parsed.problems;
      },
      replace: async (text) => {
        world.file = text;
      },
    },
    probes: { of: (server, replica) => probes().get(`${server}/${replica}`) },
    drains,
    rollouts,
    events,
    lease,
    versions,
    sessions,
    breakers,
    calls: {
      isFull: false,
      async *tap() {
        yield { dropped: 1, node: 'gateway-1' };
      },
      async *top() {
        yield { nodes: ['gateway-1'], rows: [] };
      },
      reports: () => undefined,
    },
    live: null,
    sla: {
      windows: async () => ({
        whole: { counters: noCounters(), fromMs: 0, toMs: world.now },
        hour: null,
        minutes: null,
      }),
    },
  };
  return {
    context,
    world,
    stop: async () => {
      await Promise.all([drains.stop(), rollouts.stop()]);
    },
  };
}
