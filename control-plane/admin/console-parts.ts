import type { LiveFeedParts } from '../watch/live-feed.ts';
import type { ServerTopology } from '../topology/topology.ts';
import type { AdminContext } from './context.ts';
import { diagnose } from './diagnose.ts';

const SECOND = 1000;
/** Beyond so many replicas their sessions are counted less often. */
const MANY_REPLICAS = 200;

/** One server as the console draws it: its backends, and each replica with its state. */
function serverPart(context: AdminContext, server: ServerTopology): unknown {
  const { name } = server;
  return {
    name,
    guard: server.policy.guard,
    onReplicaLoss: server.policy.onReplicaLoss,
    backends: server.backends.map((backend) => ({
      name: backend.name,
      weight: backend.weight,
      problem: context.discovery().get(`${name}/${backend.name}`)?.problem ?? null,
    })),
    replicas: server.endpoints.map(({ replica, backend, slot, address, state, weight }) => {
      const probe = context.probes.of(name, replica);
      return {
        name: replica,
        backend,
        slot,
        address,
        state,
        weight,
        detail: state === 'active' ? null : probe?.detail,
      };
    }),
    tools: server.tools?.map((tool) => tool.name) ?? null,
  };
}

/** How many sessions live on each slot, by server; the same for slots of replicas that are gone. */
async function sessionCounts(context: AdminContext): Promise<Record<string, Record<string, number>> | null> {
  const { sessions } = context;
  if (!sessions) return null;
  const entries = await Promise.all(
    (context.topology()?.servers ?? []).map(async ({ name, endpoints, lostSlots }) => {
      const counts = await Promise.all(
        [...endpoints.map(({ slot }) => slot), ...lostSlots].map(
          async (slot) => [slot, await sessions.count(name, slot)] as const,
        ),
      );
      return [name, Object.fromEntries(counts.filter(([, count]) => count > 0))] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/** What was counted of each server in the last hour, or since its gateways began. */
const objectives = (context: AdminContext): unknown =>
  Promise.all(
    (context.topology()?.servers ?? []).map(async ({ name }) => {
      const windows = await context.sla.windows(name);
      const window = windows?.hour ?? windows?.whole;
      if (!window) return { name, counters: null };
      const { sessions, judged, failed, recoveries } = window.counters;
      return { name, fromMs: window.fromMs, counters: { sessions, judged, failed, recoveries } };
    }),
  );

const breakers = async (context: AdminContext): Promise<unknown> => {
  const servers = (context.topology()?.servers ?? []).map(({ name }) => name);
  const found = (await context.breakers?.list(servers)) ?? [];
  return found
    .filter(({ state }) => state !== 'closed')
    .map(({ server, level, key, state, order }) => ({ server, level, key, state, by: order?.by ?? null }));
};

const mesh = async (context: AdminContext): Promise<unknown> => ({
  id: context.id,
  version: context.version,
  startedAtMs: context.startedAtMs,
  isLeader: context.lease.isLeader,
  leader: context.lease.leader,
  store: context.pingStore
    ? await context.pingStore().then(
        () => 'up',
        () => 'away',
      )
    : 'memory',
  isKnown: context.topology() !== null,
});

/** The parts of the console's live view, out of what the admin API stands on. */
export function consoleParts(context: AdminContext): Pick<LiveFeedParts, 'sections' | 'many' | 'events' | 'calls'> {
  const replicas = (): number =>
    (context.topology()?.servers ?? []).reduce((sum, { endpoints }) => sum + endpoints.length, 0);
  return {
    events: context.events,
    calls: context.calls,
    many: () => ({
      nodes: [
        ...(context.topology()?.gateways ?? []).map(({ id, listen, isDraining }) => ({
          id,
          role: 'gateway',
          listen,
          isDraining,
        })),
        ...context
          .nodes()
          .filter(({ role }) => role === 'edge')
          .map(({ id }) => ({ id, role: 'edge', listen: null, isDraining: false })),
      ],
      rollouts: [...context.rollouts.current().values()],
      ...Object.fromEntries(
        (context.topology()?.servers ?? []).map((server) => [`server:${server.name}`, serverPart(context, server)]),
      ),
    }),
    sections: {
      mesh: { everyMs: 2 * SECOND, read: () => mesh(context) },
      sessions: {
        get everyMs() {
          return replicas() > MANY_REPLICAS ? 5 * SECOND : SECOND;
        },
        read: () => sessionCounts(context),
      },
      breakers: { everyMs: 2 * SECOND, read: () => breakers(context) },
      drains: { everyMs: SECOND, read: () => context.drains.status() },
      // A replica that falls makes an event; the checks say so a second later, and not after ten.
      doctor: { everyMs: 10 * SECOND, afterEvents: true, read: () => diagnose(context) },
      objectives: { everyMs: 10 * SECOND, read: () => objectives(context) },
    },
  };
}
