import { replicaKey } from '../../../../control-plane/topology/inputs.ts';
import { fleetOf } from './fleet.ts';
import { loopAndServer } from '../../../../control-plane/resources/testing/loop-and-server.ts';

/**
 * The control plane's own loop and xDS server in a process of their own, so that its memory and time are its own. The
 * benchmark says by message what happens. `fleet`: so many replicas, of servers with or without a guard. `flip`: one
 * replica's health changes; answered when every client has accepted it.
 */
export type Order =
  | { kind: 'fleet'; count: number; isGuarded: boolean; clients: number }
  | { kind: 'flip'; index: number; clients: number };
export interface Report {
  /** ms from the change to the last client's ACK; null when a client refused. */
  ms: number;
  refusals: string[];
  /** By resource type: since the last order. */
  bytes: Record<string, number>;
  resources: Record<string, number>;
  residentBytes: number;
  /** CPU of the control plane's process since the order, ms. */
  cpuMs: number;
}

let inputs = fleetOf(1);
const refusals: string[] = [];
/** A fleet is told only when all have connected, so that each measurement begins with the same clients. */
const { loop, server, registry } = loopAndServer(
  () => inputs,
  (why) => refusals.push(why),
);

/** Resolves once `clients` streams have accepted the snapshot that is theirs now. */
function settled(clients: number): Promise<void> {
  return new Promise((resolve) => {
    const seen = new Set<string>();
    const look = (_: unknown, key: string, snapshot: unknown) => {
      if (server.snapshot(key) === snapshot) seen.add(key);
      if (seen.size === clients) {
        server.off('settled', look);
        resolve();
      }
    };
    server.on('settled', look);
  });
}

async function counters(metric: string): Promise<Record<string, number>> {
  const { values } = (await registry.getSingleMetric(metric)!.get()) as {
    values: { labels: { type?: string; change?: string }; value: number }[];
  };
  const byType: Record<string, number> = {};
  for (const { labels, value } of values) byType[labels.type!] = (byType[labels.type!] ?? 0) + value;
  registry.getSingleMetric(metric)!.reset();
  return byType;
}

process.on('message', (order: Order) => {
  void (async () => {
    refusals.length = 0;
    await counters('holdfast_xds_pushed_bytes_total');
    await counters('holdfast_xds_pushed_resources_total');
    const done = settled(order.clients);
    const began = performance.now(),
      cpu = process.cpuUsage();
    if (order.kind === 'fleet') inputs = fleetOf(order.count, order.isGuarded);
    else {
      const { server: name, address } = inputs.replicas[order.index % inputs.replicas.length]!,
        key = replicaKey(name, address);
      const health = new Map(inputs.health);
      if (!health.delete(key)) health.set(key, 'unhealthy');
      inputs = { ...inputs, health };
    }
    loop.touch();
    await done;
    const ms = performance.now() - began,
      { user, system } = process.cpuUsage(cpu);
    const report: Report = {
      ms,
      cpuMs: (user + system) / 1000,
      refusals: [...refusals],
      residentBytes: process.memoryUsage.rss(),
      bytes: await counters('holdfast_xds_pushed_bytes_total'),
      resources: await counters('holdfast_xds_pushed_resources_total'),
    };
    process.send!(report);
  })();
});
loop.run();
process.send!({ port: await server.listen('127.0.0.1:0') });
process.on('disconnect', () => process.exit());
