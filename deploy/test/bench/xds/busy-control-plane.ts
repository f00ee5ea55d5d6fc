import { replicaKey } from '../../../../control-plane/topology/inputs.ts';
import { changedReplica, fleetOf } from './fleet.ts';
import { loopAndServer } from '../../../../control-plane/resources/testing/loop-and-server.ts';

/**
 * The control plane's own loop and xDS server in a process of their own. Run as a child: replicas and gateways as the two arguments. Says `port`,
 * then `settled` once every stream has accepted everything. Told to begin, it changes one replica's health after another, and says `changed`;
 * told to end, what it took.
 */
export type Order = { kind: 'begin'; changes: number; changesPerSecond: number } | { kind: 'end' };
export type Told =
  | { kind: 'port'; port: number }
  /** Of the first push to all streams. */
  | { kind: 'settled'; ms: number; cpuMs: number; residentMiB: number }
  /** `madeAt`: `Date.now()` of each change. */
  | { kind: 'changed'; madeAt: number[] }
  | { kind: 'done'; cpuMs: number; ms: number; mostMiB: number; refusals: string[] };

const MEBI = 1 << 20;
const [replicas = 0, gateways = 0] = process.argv.slice(2).map(Number);
let inputs = fleetOf(replicas, true, gateways);

const tell = (told: Told): void => {
  process.send?.(told);
};
const residentMiB = (): number => process.memoryUsage.rss() / MEBI;
/** ms of CPU since `from`. */
const cpuMs = (from?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
};

const refusals: string[] = [];
const { loop, server } = loopAndServer(
  () => inputs,
  (why) => refusals.push(why),
);

const settled = new Set<string>();
server.on('settled', (_, key) => {
  if (settled.has(key)) return;
  if (settled.add(key).size === 2 * gateways)
    tell({ kind: 'settled', ms: performance.now(), cpuMs: cpuMs(), residentMiB: residentMiB() });
});

/** Changes as fast as they are due, however late the timer is. */
function change({ changes, changesPerSecond }: Extract<Order, { kind: 'begin' }>): void {
  const madeAt: number[] = [],
    from = performance.now();
  const timer = setInterval(() => {
    const due = Math.min(changes, Math.floor(((performance.now() - from) / 1000) * changesPerSecond));
    const health = new Map(inputs.health);
    while (madeAt.length < due) {
      const replica = changedReplica(madeAt.length, replicas);
      health.set(replicaKey(replica.server, replica.address), 'unhealthy');
      madeAt.push(Date.now());
    }
    inputs = { ...inputs, health };
    loop.touch();
    if (madeAt.length < changes) return;
    clearInterval(timer);
    tell({ kind: 'changed', madeAt });
  }, 1000 / changesPerSecond);
}

let begun = { ms: 0, cpu: process.cpuUsage() },
  mostMiB = 0;
process.on('message', (order: Order) => {
  if (order.kind === 'begin') {
    begun = { ms: performance.now(), cpu: process.cpuUsage() };
    setInterval(() => {
      mostMiB = Math.max(mostMiB, residentMiB());
    }, 50).unref();
    change(order);
  } else tell({ kind: 'done', cpuMs: cpuMs(begun.cpu), ms: performance.now() - begun.ms, mostMiB, refusals });
});
process.once('disconnect', () => process.exit());
loop.run();
tell({ kind: 'port', port: await server.listen('127.0.0.1:0') });
