import { formatProblem } from '../../proto/config-file/problem.ts';
import { certificateChecks } from './certificate-check.ts';
import { slaChecks } from '../sla/sla-checks.ts';
import type { ServerTopology } from '../topology/topology.ts';
import type { AdminContext } from './context.ts';
import { good, not, type DoctorCheck } from './doctor.ts';

/** Slower than this a round trip to Redis or a probe shows up in recoveries. */
const SLOW_STORE_MS = 50,
  SLOW_PROBE_MS = 1000;
const RECENT_MS = 15 * 60_000;
const HEAP_WARN_BYTES = 300 << 20;
const WHY_NO_REPLICA = 'See `holdfast replicas`, and `holdfast drain list` for what was taken out.';

/** The monitoring checklist, as far as the control plane can see it. Objectives are judged by what gateways counted; over 30 days only Prometheus knows (`holdfast doctor --prometheus`). */
export async function diagnose(context: AdminContext, rssBytes = process.memoryUsage().rss): Promise<DoctorCheck[]> {
  const configurationChecks = await configuration(context);
  const parts = await Promise.all([
    gateways(context),
    store(context),
    servers(context),
    balancer(context),
    objectives(context),
    errors(context, configurationChecks),
    configurationChecks,
    controlPlane(context),
  ]);
  return [...parts.flat(), ...certificateChecks(context.config(), context.now()), ...resources(rssBytes)];
}

function gateways({ topology, config, nodes, withoutHeartbeat }: AdminContext): DoctorCheck[] {
  const silent = new Set(withoutHeartbeat());
  const there = topology()?.gateways ?? [],
    names = new Set(there.map(({ id }) => id));
  const missing = config().ha.clusterNodes.filter((id) => !names.has(id));
  const found: DoctorCheck[] = there.map(({ id, isDraining }) =>
    isDraining
      ? not('warning', 'gateways', id, 'draining', `\`holdfast undrain --gateway ${id}\` takes it in again.`)
      : good('gateways', id, nodes().some((node) => node.id === id) ? 'connected here' : 'known by its heartbeat'),
  );
  for (const id of silent)
    found.push(
      not(
        'bad',
        'gateways',
        id,
        'connected here, but Redis has no heartbeat of it: it does not reach Redis, and its sessions end with it',
        'Its /readyz and its log have the cause; SESSION_STORE_URL, the authority’s certificate and a NetworkPolicy are what to look at.',
      ),
    );
  for (const id of missing)
    found.push(
      not(
        'bad',
        'gateways',
        id,
        'named in HA_CLUSTER_NODES, but not there',
        'Start it, or take its name out of ha.clusterNodes.',
      ),
    );
  if (there.length === 0)
    found.push(
      not(
        'bad',
        'gateways',
        'cluster',
        'no gateway node is there',
        'Start one; its sidecar must reach this control plane (--xds).',
      ),
    );
  if (there.length === 1)
    found.push(
      not('warning', 'gateways', 'cluster', 'only one gateway node', 'A second one takes over when this one dies.'),
    );
  return found;
}

async function store({ pingStore }: AdminContext): Promise<DoctorCheck[]> {
  if (!pingStore)
    return [
      not(
        'warning',
        'redis',
        'session store',
        'sessions are in memory',
        'Use SESSION_STORE=redis so that sessions survive their gateway node.',
      ),
    ];
  try {
    const ms = await pingStore();
    return [
      ms > SLOW_STORE_MS
        ? not(
            'warning',
            'redis',
            'session store',
            `answers in ${ms.toFixed(0)} ms`,
            'Recoveries wait for it: look at its load and at the network.',
          )
        : good('redis', 'session store', `answers in ${ms.toFixed(1)} ms`),
    ];
  } catch (error) {
    return [
      not(
        'bad',
        'redis',
        'session store',
        `can’t be reached: ${(error as Error).message}`,
        'Steady sessions go on; new ones can’t be rebuilt elsewhere until it is back.',
      ),
    ];
  }
}

/** Whether a server has replicas that take new sessions, and which of them are unhealthy. */
function replicaCheck({ name, endpoints }: ServerTopology, probes: AdminContext['probes']): DoctorCheck {
  const healthy = endpoints.filter(({ state }) => state !== 'unhealthy'),
    taking = endpoints.filter(({ weight }) => weight > 0);
  const sick = endpoints
    .filter(({ state }) => state === 'unhealthy')
    .map(({ replica }) => `${replica} (${probes.of(name, replica)?.detail ?? 'unknown'})`);
  if (healthy.length === 0)
    return not(
      'bad',
      'servers',
      name,
      `no healthy replica${sick.length > 0 ? `: ${sick.join(', ')}` : ''}`,
      WHY_NO_REPLICA,
    );
  if (taking.length === 0) return not('bad', 'servers', name, 'no replica takes new sessions', WHY_NO_REPLICA);
  if (sick.length > 0)
    return not('warning', 'servers', name, `unhealthy: ${sick.join(', ')}`, 'Its sessions were moved; bring it back.');
  if (taking.length === 1)
    return not(
      'warning',
      'servers',
      name,
      'one replica takes all sessions',
      'A second one takes over when this one dies.',
    );
  return good('servers', name, `${healthy.length} healthy replicas`);
}

function servers({ topology, probes, discovery }: AdminContext): DoctorCheck[] {
  const found: DoctorCheck[] = [];
  for (const server of topology()?.servers ?? []) {
    const { name, endpoints } = server;
    found.push(replicaCheck(server, probes));
    const times = endpoints.flatMap(({ replica }) => probes.of(name, replica)?.responseTimeMs ?? []);
    const slowest = Math.max(0, ...times);
    found.push(
      slowest > SLOW_PROBE_MS
        ? not(
            'warning',
            'response-time',
            name,
            `the slowest probe took ${slowest.toFixed(0)} ms`,
            'See mcp_request_duration_seconds for what clients get.',
          )
        : good('response-time', name, `probes are answered within ${Math.ceil(slowest)} ms`),
    );
  }
  for (const [backend, { problem }] of discovery())
    if (problem !== null)
      found.push(
        not(
          'warning',
          'servers',
          backend,
          `discovery: ${problem}`,
          'The last known replicas are used until it works again.',
        ),
      );
  return found;
}

async function objectives({ config, sla }: AdminContext): Promise<DoctorCheck[]> {
  return (await Promise.all(config().servers.map(async ({ name }) => slaChecks(name, await sla.windows(name))))).flat();
}

function balancer({ nodes, config }: AdminContext): DoctorCheck[] {
  const edges = nodes().filter(({ role }) => role === 'edge');
  if (edges.length > 0) return [good('balancer', 'edge', `${edges.length} connected`)];
  return [
    config().edge
      ? not('warning', 'balancer', 'edge', 'configured, but none is connected here', 'Start an Envoy in the edge role.')
      : not(
          'unknown',
          'balancer',
          'edge',
          'none is configured',
          'Whatever balances before the gateways must check GET /health on each.',
        ),
  ];
}

/** A refused configuration counts only while the file is still bad: what was put right is no finding. */
async function errors({ events, now }: AdminContext, configurationChecks: DoctorCheck[]): Promise<DoctorCheck[]> {
  const isPutRight = configurationChecks.length > 0 && configurationChecks.every(({ verdict }) => verdict === 'good');
  const recent = (await events.list({ limit: 1000 }).catch(() => [])).filter(({ atMs }) => now() - atMs < RECENT_MS);
  const bad = recent.filter(({ level, kind }) => level === 'error' && !(isPutRight && kind === 'config.refused'));
  if (bad.length === 0) return [good('errors', 'events', 'no error among the events of the last 15 minutes')];
  return [
    not(
      'bad',
      'errors',
      'events',
      `${bad.length} in the last 15 minutes, the last: ${bad.at(-1)?.message ?? ''}`,
      'See `holdfast events`.',
    ),
  ];
}

async function configuration({ file, versions }: AdminContext): Promise<DoctorCheck[]> {
  if (!file) return [];
  const problems = file.check(await file.read().catch(() => ''));
  const count = await versions.list().then(
    (all) => all.length,
    () => 0,
  );
  const [first] = problems;
  return [
    first
      ? not(
          'bad',
          'configuration',
          file.path,
          `${problems.length} problem(s), so the former one is in force: ${formatProblem(first, file.path)}`,
          '`holdfast validate` lists them all.',
        )
      : good('configuration', file.path, `in force; ${count} version(s) kept`),
  ];
}

function controlPlane({ lease }: AdminContext): DoctorCheck[] {
  return [
    lease.leader === null
      ? not(
          'bad',
          'control-plane',
          'leader',
          'there is none',
          'Rollouts and drains stand still until Redis can be reached.',
        )
      : good('control-plane', 'leader', lease.isLeader ? 'this control plane' : lease.leader),
  ];
}

function resources(rss: number): DoctorCheck[] {
  const description = `${Math.round(rss / (1 << 20))} MiB`;
  return [
    rss > HEAP_WARN_BYTES
      ? not(
          'warning',
          'resources',
          'memory of the control plane',
          description,
          'More than it needs for 1,000 replicas: look at process_resident_memory_bytes.',
        )
      : good('resources', 'memory of the control plane', description),
  ];
}
