import { detach } from '../proto/detach.ts';
import { internalErrors } from '../proto/internal-errors.ts';
import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { serverCredentials } from '../proto/tls/grpc-credentials.ts';
import { RESOURCE } from '../proto/wire.ts';
import type { Config } from './config/config-schema.ts';
import { ControlLoop } from './control-loop.ts';
import { Discovery } from './discovery/discovery.ts';
import { topologyMetrics } from './metrics/topology-metrics.ts';
import { Probes, type ProbeResult } from './probe/probes.ts';
import type { ReplicaReport } from './probe/reports.ts';
import { Slots } from './slots/slots.ts';
import type { TopologyInputs } from './topology/inputs.ts';
import { adminHandler } from './wiring/admin.ts';
import { controlPlaneChecks } from './wiring/control-plane-checks.ts';
import { openMembership } from './membership/open-membership.ts';
import { startHealthServer } from './wiring/health-server.ts';
import { backendsToWatch } from './wiring/backends-to-watch.ts';
import { probeInputs } from './wiring/probe-inputs.ts';
import { startOperations } from './wiring/operations.ts';
import { openStores } from './wiring/stores.ts';
import { FollowedReplicas } from './wiring/followed-replicas.ts';
import { followXds } from './wiring/follow-xds.ts';
import { watchRedis } from './wiring/redis-watches.ts';
import { tellHealth } from './wiring/tell-health.ts';
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
  /** A new configuration is in force from now on. */
  configure: (config: Config, text: string) => void;
  /** The file is bad now; what was in force stays so. */
  refuse: (problems: readonly string[]) => void;
  stop: () => Promise<void>;
}

/** Opens everything, wires it together and serves. Whatever changes (configuration, replicas, health, slots, nodes) touches the loop. */
export async function startControlPlane({
  config: first,
  text: firstText,
  file,
  env,
  version,
  xds: xdsAddress,
  admin,
  stateDir,
  log,
}: ControlPlaneOptions): Promise<ControlPlane> {
  let config = first;
  const now = Date.now;
  const id = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const errors = internalErrors(registry, log);
  const caught = (where: string) => (error: unknown) => errors.report(where, error);

  // The lease may be won before everything is wired.
  let follow = (): void => {};
  const stores = await openStores({
    config,
    stateDir,
    id,
    now,
    onLeader: (isLeader) => {
      log.info({ isLeader }, isLeader ? 'leading now' : 'not leading any more');
      follow();
    },
    onRedisError: (error) => log.debug({ error: error.message }, 'redis connection'),
    onError: caught('lease'),
  });
  const slots = new Slots({
    store: stores.slots,
    keepLostMs: (name) => (config.servers.find((each) => each.name === name)?.sessionTtlSeconds ?? 3600) * 1000,
    onError: caught('slots'),
  });
  await slots.start();
  const { tls } = config.controlPlane;
  const gateways = openMembership({ tls, goneAfterMs: () => config.ha.failoverTimeoutMs, registry, log, now });

  const onProbe = (result: ProbeResult, before: { health: string; life: number }) => {
    tellHealth(result, before, stores, log);
    followed.renew(result, result.formerLifeSeenAtMs);
    loop.touch();
  };
  const probes = new Probes({ onChange: onProbe, errors });
  const fromProbes = probeInputs();
  const discovery = new Discovery({
    errors,
    onChange(server, backend, report) {
      if (report.problem !== null)
        log.warn({ server, backend, problem: report.problem }, 'discovery keeps the last known replicas');
      follow();
    },
  });
  const followed = new FollowedReplicas({
    config: () => config,
    found: () => discovery.current(),
    gateways: () => gateways.nodes(),
    isLeader: () => stores.lease.isLeader,
    slots,
    probes,
    now,
    log,
    onChange: () => loop.touch(),
    onError: caught('slots'),
  });
  follow = () => followed.follow();

  let isComplete = false,
    hasLooked = false;
  const inputs = (): TopologyInputs | null => {
    const { replicas, isComplete: hasAll } = followed.known();
    // A gateway that was told of fewer replicas than there are would take their sessions for lost.
    isComplete ||= hasAll;
    // Nor may one be told that nothing is drained, rolled out or open, and that it has no neighbours, only because nobody has looked yet.
    if (!isComplete || !hasLooked || replicas.some((each) => slots.slotOf(each.server, each.address) === undefined))
      return null;
    return {
      config,
      replicas,
      ...fromProbes(probes.current().values()),
      slots: slots.slots,
      lostSlots: slots.lostSlots,
      ...operations.inputs(),
      openBreakers: watches.openBreakers(),
      gateways: gateways.nodes(),
      trustDomain: gateways.trustDomain,
    };
  };
  const xds = new XdsServer({
    registry,
    errors,
    staticClusters: [RESOURCE.xdsCluster],
    admit: (node, peer) => gateways.admit(node, peer) === null,
    resourcesFor: (node) => loop.resourcesFor(node),
  });
  const loop = new ControlLoop({
    errors,
    inputs,
    nodes: () => xds.nodes(),
    publish: (key, resources) => xds.setSnapshot(key, resources),
    onSnapshot: (snapshot) =>
      log.debug({ servers: snapshot.servers.length, gateways: snapshot.gateways.length }, 'topology'),
    onError: (key, error) =>
      log.error({ node: key, error: error.message }, 'resources refused; the node keeps what it has'),
  });
  const operations = startOperations({
    id,
    stores,
    now,
    config: () => config,
    topology: () => loop.snapshot,
    probes: () => probes.current(),
    gateways: () => gateways.nodes(),
    onChange: () => loop.touch(),
    onError: caught('operations'),
  });
  slots.on('change', () => loop.touch());
  slots.on('away', (error) =>
    log.warn({ error: error.message }, 'slot store is away; slots are kept here until it is back'),
  );
  slots.on('back', () => log.info('slot store is back'));
  followXds(xds, { gateways, log, onChange: () => loop.touch() });

  const onReport = ({ server, slot }: ReplicaReport) => {
    const endpoint = loop.snapshot?.servers
      .find((each) => each.name === server)
      ?.endpoints.find((each) => each.slot === slot);
    if (endpoint) probes.report(server, endpoint.replica);
  };
  const watches = watchRedis({
    redis: stores.redis,
    servers: () => config.servers.map((each) => each.name),
    gateways,
    onReport,
    onChange: () => loop.touch(),
    errors,
  });
  const looked = Promise.allSettled([operations.looked, watches.looked]).then(() => {
    hasLooked = true;
    loop.touch();
  });
  detach(looked, caught('start'));

  const configure = (next: Config, text: string) => {
    const before = config;
    try {
      apply(next);
    } catch (error) {
      errors.report('configure', error);
      apply(before);
      refuse(['it could not be put in force; the control plane’s log says where']);
      return;
    }
    const accepted = operations.versions
      .accept(text)
      .then(({ version: number, isNew }) => {
        if (isNew)
          stores.events.append({
            kind: 'config.accepted',
            subject: String(number),
            message: `configuration version ${number} is in force`,
          });
      })
      .catch((error: Error) =>
        log.warn({ error: error.message }, 'the configuration is in force, but could not be kept as a version'),
      );
    detach(accepted, caught('config-versions'));
  };
  const apply = (next: Config) => {
    config = next;
    discovery.watch(backendsToWatch(config));
    follow();
  };
  const refuse = (problems: readonly string[]) =>
    stores.events.append({
      kind: 'config.refused',
      level: 'error',
      message: `the changed configuration is bad, the last good one stays in force: ${problems.slice(0, 3).join(' ')}`,
      data: { problems },
    });
  configure(config, firstText);

  topologyMetrics({
    registry,
    version,
    topology: () => loop.snapshot,
    rollouts: () => operations.rollouts.current(),
    isLeader: () => stores.lease.isLeader,
    clusterNodes: () => config.ha.clusterNodes,
  });
  const xdsPort = await xds.listen(
    xdsAddress,
    // Who shows no certificate of ours gets as far as being refused, so that it is seen (gateways.admit).
    tls && serverCredentials({ ...tls, caFile: tls.clientCaFile ?? tls.certificateFile }),
  );
  const health = await startHealthServer(admin, {
    registry,
    onError: caught('admin'),
    names: config.controlPlane.adminHosts,
    handle: adminHandler({
      id,
      version,
      now,
      stores,
      file,
      env,
      onError: caught('admin'),
      config: () => config,
      tokenFile: config.controlPlane.adminTokenFile ?? null,
      topology: () => loop.snapshot,
      discovery: () => followed.reports(),
      nodes: () => xds.nodes().map(({ node }) => ({ id: node.id, role: node.role })),
      withoutHeartbeat: () => (stores.redis ? gateways.withoutHeartbeat() : []),
      probes,
      drains: operations.drains,
      rollouts: operations.rollouts,
      versions: operations.versions,
      sla: operations.sla,
    }),
    isReady: () => loop.snapshot !== null,
    checks: controlPlaneChecks({
      redis: stores.redis,
      topology: () => loop.snapshot,
      problem: () => loop.problem,
      discovery: () => followed.reports(),
    }),
  });
  return {
    xdsPort,
    adminPort: health.port,
    configure,
    refuse,
    async stop() {
      loop.stop();
      watches.stop();
      health.server.close();
      health.server.closeAllConnections();
      await Promise.all([operations.stop(), discovery.stop(), probes.stop(), xds.close()]);
      slots.close();
      await stores.close();
    },
  };
}
