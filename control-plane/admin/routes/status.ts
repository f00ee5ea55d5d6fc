import * as z from 'zod';
import { ApiProblem } from '../api-problem.ts';
import type { AdminContext } from '../context.ts';
import { noQuery, read, type Route } from '../route.ts';
import type { TopologySnapshot } from '../../topology/topology.ts';

/** The topology, or that it is too early to ask. */
export function topologyOf({ topology }: AdminContext): TopologySnapshot {
  const found = topology();
  if (!found)
    throw new ApiProblem(
      'unavailable',
      'the control plane does not know all replicas yet; look again in a moment, and at /health',
    );
  return found;
}

export function serverNamed(context: AdminContext, name: string): TopologySnapshot['servers'][number] {
  const { servers } = topologyOf(context);
  const found = servers.find((each) => each.name === name);
  if (!found)
    throw new ApiProblem(
      'not-found',
      `there is no server ${name}; there are ${servers.map((each) => each.name).join(', ') || 'none'}`,
    );
  return found;
}

const replicas = (context: AdminContext, server?: string, backend?: string) =>
  topologyOf(context)
    .servers.filter(({ name }) => server === undefined || name === server)
    .flatMap(({ endpoints }) => endpoints.filter((each) => backend === undefined || each.backend === backend))
    .map((endpoint) => {
      const probe = context.probes.of(endpoint.server, endpoint.replica);
      return {
        ...endpoint,
        probe: probe
          ? {
              health: probe.health,
              detail: probe.detail,
              eras: probe.eras,
              sinceMs: probe.sinceMs,
              checkedAtMs: probe.checkedAtMs,
              responseTimeMs: probe.responseTimeMs,
              incarnation: probe.incarnation,
              // The former name, for one version.
              life: probe.incarnation,
              tools: probe.tools?.map(({ name }) => name) ?? null,
            }
          : null,
      };
    });

const serverSummary = (
  context: AdminContext,
  { name, policy, backends, endpoints, lostSlots }: TopologySnapshot['servers'][number],
) => ({
  name,
  path: `/mcp/${name}`,
  guard: policy.guard,
  onReplicaLoss: policy.onReplicaLoss,
  lostSlots: lostSlots.length,
  replicas: endpoints.length,
  taking: endpoints.filter(({ weight }) => weight > 0).length,
  unhealthy: endpoints.filter(({ state }) => state === 'unhealthy').length,
  backends: backends.map(({ name: backend, weight }) => {
    const source = context.discovery().get(`${name}/${backend}`);
    return {
      name: backend,
      weight,
      replicas: endpoints.filter((each) => each.backend === backend).length,
      discoveryProblem: source?.problem ?? null,
    };
  }),
  rollout: context.rollouts.current().get(name)?.phase.kind ?? null,
});

const status = async (context: AdminContext) => {
  const { servers, gateways } = topologyOf(context);
  const isStoreUp = context.pingStore
    ? await context.pingStore().then(
        () => true,
        () => false,
      )
    : null;
  return {
    controlPlane: {
      id: context.id,
      version: context.version,
      startedAtMs: context.startedAtMs,
      isLeader: context.lease.isLeader,
      leader: context.lease.leader,
    },
    store: { type: isStoreUp === null ? 'memory' : 'redis', isUp: isStoreUp ?? true },
    servers: servers.map((each) => serverSummary(context, each)),
    gateways: gateways.map((each) => ({
      ...each,
      streams: context
        .nodes()
        .filter(({ id }) => id === each.id)
        .map(({ role }) => role),
    })),
    drains: context.drains.current().length,
    rollouts: [...context.rollouts.current().values()].filter(
      ({ phase }) => phase.kind === 'preflight' || phase.kind === 'step',
    ).length,
    configProblems: context.file ? context.file.check(await context.file.read().catch(() => '')).length : 0,
  };
};

export const statusRoutes: Route[] = [
  read('/v1/status', 'The mesh at a glance: servers, gateways, store, what is under way.', noQuery, ({ context }) =>
    status(context),
  ),
  read('/v1/servers', 'Every server with its backends.', noQuery, ({ context }) =>
    topologyOf(context).servers.map((each) => serverSummary(context, each)),
  ),
  read('/v1/servers/{server}', 'One server: backends, replicas, policy.', noQuery, ({ context, param }) => {
    const server = serverNamed(context, param('server'));
    return { ...serverSummary(context, server), policy: server.policy, endpoints: replicas(context, server.name) };
  }),
  read(
    '/v1/replicas',
    'Every replica: its slot, state, share of new sessions and last probe.',
    z.strictObject({ server: z.string().optional(), backend: z.string().optional() }),
    ({ context, query }) => {
      if (query.server !== undefined) serverNamed(context, query.server);
      return replicas(context, query.server, query.backend);
    },
  ),
  read('/v1/gateways', 'Every gateway node.', noQuery, async ({ context }) => (await status(context)).gateways),
];
