import { bugsOnly } from '../../proto/bugs-only.ts';
import { diagnose } from '../admin/diagnose.ts';
import type { ControlLoop } from '../control-loop.ts';
import { doctorMetrics } from '../metrics/doctor-metrics.ts';
import { adminContext, adminHandler } from './admin.ts';
import { controlPlaneChecks } from './control-plane-checks.ts';
import { scheduleDoctor } from './doctor-schedule.ts';
import { startHealthServer } from './health-server.ts';
import type { Kubernetes } from './kubernetes.ts';
import type { Nodes } from './nodes.ts';
import type { Runtime } from './runtime.ts';
import type { OpenSources } from './sources.ts';

export interface AdminPortOptions {
  /** `ip:port`. */
  address: string;
  version: string;
  /** The configuration file that this process follows. */
  file: string;
  env: Readonly<Record<string, string | undefined>>;
}

/** What the admin port shows, and what its operators change. */
export interface AdminPortParts {
  runtime: Runtime;
  sources: OpenSources;
  nodes: Nodes;
  loop: ControlLoop;
  kubernetes: Kubernetes;
}

export interface AdminPort {
  port: number;
  stop(): void;
}

/** Admin API, console, health and metrics on one port, and the regular checks of the doctor. */
export async function openAdminPort(
  { address, version, file, env }: AdminPortOptions,
  { runtime, sources, nodes, loop, kubernetes }: AdminPortParts,
): Promise<AdminPort> {
  const { id, registry, redis, stores, caught, now, isLeader } = runtime;
  const { config, replicas } = sources;
  const { drains, rollouts, sla } = sources.operations;
  const { adminHosts, adminTokenFile } = config.file.controlPlane;
  const topology = () => runtime.topology.snapshot;
  const discovery = () => replicas.reports();
  const context = adminContext({
    ...{ id, version, now, stores, file, env, registry, topology, discovery, drains, rollouts, sla },
    // Redis that is away is told by the live view itself, and by metrics.
    onError: bugsOnly(caught('admin')),
    config: () => config.current,
    nodes: () => nodes.xds.nodes().map(({ node }) => ({ id: node.id, role: node.role })),
    withoutHeartbeat: () => (redis ? nodes.membership.withoutHeartbeat() : []),
    probes: replicas.probes,
    versions: config.versions,
  });
  const health = await startHealthServer(address, {
    registry,
    onError: caught('admin'),
    names: adminHosts,
    handle: await adminHandler(context, adminTokenFile ?? null, caught('admin')),
    isReady: () => topology() !== null,
    checks: controlPlaneChecks({
      ...{ redis, topology, discovery },
      problem: () => loop.problem,
      injection: () => kubernetes.injection.problem(),
      cluster: () => kubernetes.cluster.problem(),
    }),
  });
  const doctor = doctorMetrics(registry);
  const stopDoctor = scheduleDoctor({
    diagnose: () => diagnose(context),
    isLeader,
    found: (checks) => doctor.found(checks, now()),
    onError: caught('doctor'),
  });
  return {
    port: health.port,
    stop() {
      stopDoctor();
      health.server.close();
      health.server.closeAllConnections();
    },
  };
}
