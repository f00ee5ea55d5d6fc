import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { internalErrors } from '../proto/internal-errors.ts';
import { serverCredentials } from '../proto/tls/grpc-credentials.ts';
import { RESOURCE } from '../proto/wire.ts';
import type { Config } from './config/config-schema.ts';
import { ControlLoop } from './control-loop.ts';
import { diagnose } from './admin/diagnose.ts';
import { doctorMetrics } from './metrics/doctor-metrics.ts';
import { topologyMetrics } from './metrics/topology-metrics.ts';
import { BreakerSource } from './sources/breaker-source.ts';
import { ConfigSource } from './sources/config-source.ts';
import { GatewaySource } from './sources/gateway-source.ts';
import { Inputs } from './sources/inputs.ts';
import { Operations } from './sources/operations.ts';
import { ReplicaSource } from './sources/replica-source.ts';
import { TopologyInForce } from './topology/topology-in-force.ts';
import { adminContext, adminHandler } from './wiring/admin.ts';
import { controlPlaneChecks } from './wiring/control-plane-checks.ts';
import { followCluster } from './wiring/cluster.ts';
import { startHealthServer } from './wiring/health-server.ts';
import { startInjection } from './wiring/injection.ts';
import { scheduleDoctor } from './wiring/doctor-schedule.ts';
import { openStores } from './wiring/stores.ts';
import { XdsServer } from './xds/xds-server.ts';

export interface ControlPlaneOptions {
  config: Config;
  /** Text of the configuration file, and the file. */
  text: string;
  file: string;
  env: Readonly<Record<string, string | undefined>>;
  version: string;
  /** `ip:port`. */
  xds: string;
  admin: string;
  stateDir: string | null;
  log: Logger;
}

export interface ControlPlane {
  xdsPort: number;
  adminPort: number;
  /** Of the webhook for injection; null where none is served. */
  webhookPort: number | null;
  /** A new configuration is in force from now on. */
  configure: (config: Config, text: string) => void;
  /** The file is bad now; what was in force stays so. */
  refuse: (problems: readonly string[]) => void;
  stop: () => Promise<void>;
}

/** Sources know things, the inputs are all that they know, and the loop makes each node's resources from them. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { file, env, version, stateDir, log } = options;
  const now = Date.now;
  const id = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const errors = internalErrors(registry, log);
  const caught = (where: string) => (error: unknown) => errors.report(where, error);
  const topology = new TopologyInForce();

  const stores = await openStores({ config: options.config, stateDir, id, now, log, onError: caught('lease') });
  const shared = { stores, redis: stores.redis, registry, errors, log, now };
  const config = new ConfigSource({
    ...shared,
    config: options.config,
    id,
    hasCluster: options.config.controlPlane.kubernetes?.servers !== undefined,
  });
  const gateways = new GatewaySource({ ...shared, config });
  const replicas = new ReplicaSource({ ...shared, config, gateways: gateways.registry });
  const breakers = new BreakerSource({ ...shared, config });
  const { probes } = replicas;
  const operations = new Operations({ ...shared, config, topology, probes, gateways: gateways.registry });

  const inputs = new Inputs({ config, replicas, gateways, breakers, operations });

  const xds = new XdsServer({
    registry,
    errors,
    staticClusters: [RESOURCE.xdsCluster],
    admit: (node, peer) => gateways.registry.admit(node, peer) === null,
  });
  gateways.follow(xds);
  const loop = new ControlLoop({
    errors,
    topology,
    inputs: () => inputs.read(),
    nodes: () => xds.nodes(),
    publish: (key, resources) => xds.setSnapshot(key, resources),
    onSnapshot: ({ servers, gateways: nodes }) =>
      log.debug({ servers: servers.length, gateways: nodes.length }, 'topology'),
    onError: (key, error) =>
      log.error({ node: key, error: error.message }, 'resources refused; the node keeps what it has'),
  });
  inputs.onChange(() => loop.touch());
  xds.serveFrom((node) => loop.resourcesFor(node));

  await replicas.start();
  config.configure(options.config, options.text);

  const { tls, adminHosts, adminTokenFile } = options.config.controlPlane;
  topologyMetrics({
    registry,
    version,
    topology: () => topology.snapshot,
    rollouts: () => operations.rollouts.current(),
    isLeader: () => stores.lease.isLeader,
    clusterNodes: () => config.current.ha.clusterNodes,
  });
  const xdsPort = await xds.listen(
    options.xds,
    // Who shows no certificate of ours gets as far as being refused, so that it is seen (gateways.admit).
    tls && serverCredentials({ ...tls, caFile: tls.clientCaFile ?? tls.certificateFile }),
  );
  const isLeader = (): boolean => stores.lease.isLeader;
  const cluster = followCluster({
    config,
    topology: () => topology.snapshot,
    discovery: () => replicas.reports(),
    isLeader,
    registry,
    errors,
    log,
    now,
  });
  const injection = await startInjection({
    config: () => config.current,
    isLeader,
    registry,
    log,
    onError: caught('admission'),
  });
  const context = adminContext({
    id,
    version,
    now,
    stores,
    file,
    env,
    onError: caught('admin'),
    registry,
    config: () => config.current,
    topology: () => topology.snapshot,
    discovery: () => replicas.reports(),
    nodes: () => xds.nodes().map(({ node }) => ({ id: node.id, role: node.role })),
    withoutHeartbeat: () => (stores.redis ? gateways.registry.withoutHeartbeat() : []),
    probes,
    drains: operations.drains,
    rollouts: operations.rollouts,
    versions: config.versions,
    sla: operations.sla,
  });
  const health = await startHealthServer(options.admin, {
    registry,
    onError: caught('admin'),
    names: adminHosts,
    handle: await adminHandler(context, adminTokenFile ?? null, caught('admin')),
    isReady: () => topology.snapshot !== null,
    checks: controlPlaneChecks({
      redis: stores.redis,
      topology: () => topology.snapshot,
      problem: () => loop.problem,
      injection: () => injection.problem(),
      cluster: () => cluster.problem(),
      discovery: () => replicas.reports(),
    }),
  });

  const doctor = doctorMetrics(registry);
  const stopDoctor = scheduleDoctor({
    diagnose: () => diagnose(context),
    isLeader: () => stores.lease.isLeader,
    found: (checks) => doctor.found(checks, now()),
    onError: caught('doctor'),
  });

  return {
    xdsPort,
    adminPort: health.port,
    webhookPort: injection.port,
    configure: (next, text) => config.configure(next, text),
    refuse: (problems) => config.refuse(problems),
    async stop() {
      stopDoctor();
      loop.stop();
      gateways.stop();
      breakers.stop();
      health.server.close();
      health.server.closeAllConnections();
      await Promise.all([operations.stop(), replicas.stop(), xds.close(), injection.stop(), cluster.stop()]);
      await stores.close();
    },
  };
}
