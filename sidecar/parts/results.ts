import { auditOutcomes } from '../audit/audit-outcomes.ts';
import type { Breakers } from '../breaker/breakers.ts';
import { SharedBreakers } from '../breaker/shared-breakers.ts';
import { forgetGone } from '../breaker/forget-gone.ts';
import { breakerStates } from '../metrics/breaker-states.ts';
import { fleetRows } from '../metrics/fleet-rows.ts';
import type { OutcomeBus } from '../outcome/outcome-bus.ts';
import { outcomePipeline } from '../outcome/outcome-pipeline.ts';
import { SloPublisher } from '../outcome/slo-publisher.ts';
import { isReplicaAlive } from '../replica/replica-check.ts';
import type { ReplicaClient } from '../replica/client.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import { touchIntervalMs } from '../session/touch-interval.ts';
import { createTracing } from '../tracing/create-tracing.ts';
import type { Traces } from '../tracing/tracing.ts';
import { followWatches } from '../watch/follow-watches.ts';
import type { Mesh } from './mesh.ts';
import type { Node } from './node.ts';
import { ttlSeconds } from './sessions.ts';
import type { Storage } from './storage.ts';

export interface Results {
  breakers: Breakers;
  outcomes: OutcomeBus;
  /** Spans of requests and recoveries, where a collector is configured. */
  traces: Traces;
  close(): Promise<void>;
}

/** Who learns what came of each request: metrics, breakers, sessions, the log, the audit trail, and the counters of rollouts. */
export function followResults(
  node: Node,
  { redis }: Storage,
  mesh: Mesh,
  directory: SessionDirectory,
  upstream: ReplicaClient,
): Results {
  const { nodeId, metrics, log, now, failing } = node;
  const { server } = mesh;
  const tracing = createTracing({ ...node, onError: failing('background') });
  const fleet = new SharedBreakers({
    self: `${nodeId}/${now()}`,
    metrics,
    redis,
    now,
    isSlot: (name, slot) => server(name)?.bySlot(slot) !== undefined,
    isListed: (name, tool) => metrics.tools.isListed(name, tool),
    isAlive: async (name, slot) => {
      const view = server(name),
        replica = view?.bySlot(slot);
      return !view || !replica || (await isReplicaAlive(upstream, replica.address, view.policy));
    },
    onError: failing('breakers'),
  });
  const { breakers } = fleet;
  breakerStates(metrics, () => breakers.table.all());
  mesh.client.on('change', (next) => {
    tracing.follow(next);
    for (const { policy } of next.servers.values()) breakers.configure(policy);
    for (const { name, tools } of next.servers.values()) metrics.tools.list(name, tools?.keys() ?? null);
    forgetGone(breakers.table, next, (name, tool) => metrics.tools.isListed(name, tool));
    metrics.links.servers(fleetRows(next));
  });

  const outcomes = outcomePipeline({
    onError: failing('outcome-sink'),
    metrics,
    breakers,
    logger: log,
    now,
    touch: (name, digest, atMs) => directory.touch(name, digest, atMs),
    touchIntervalMs: (name) => touchIntervalMs(ttlSeconds(mesh, name)),
    successSample: (name) => server(name)?.policy.logSuccessSample ?? 0,
  });
  const audit = auditOutcomes(outcomes, { ...node, server, directory, onError: failing('background') });

  function* inFlight() {
    for (const { name, endpoints } of mesh.topology().servers.values()) {
      for (const { backend, slot, address } of endpoints)
        yield { server: name, backend, slot, calls: upstream.live(address) };
    }
  }
  const slo =
    redis && new SloPublisher({ node: nodeId, redis, startedAtMs: now(), inFlight, onError: failing('background') });
  if (slo) {
    outcomes.subscribe('slo', slo.count);
    directory.on('moved', ({ record }) => {
      if (record) slo.recovered(record.server, record.backend);
    });
  }
  const watches = redis && followWatches({ redis, node: nodeId, bus: outcomes, now, onError: failing('background') });
  return {
    breakers,
    outcomes,
    traces: tracing,
    async close() {
      fleet.close();
      watches?.close();
      await Promise.all([audit.close(), slo?.stop(), tracing.close()]);
    },
  };
}
