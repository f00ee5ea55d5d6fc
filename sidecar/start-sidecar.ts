import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { detach } from '../proto/detach.ts';
import { describeError } from '../proto/describe-error.ts';
import type { Heartbeat } from '../proto/heartbeat.ts';
import { httpStatusOf } from '../proto/health/run-checks.ts';
import { writeHeartbeat } from '../proto/identity/signed-heartbeat.ts';
import { connectRedis, whenReady } from '../proto/redis/redis-client.ts';
import { CHANNEL } from '../proto/wire.ts';
import { Admin } from './admin/admin-server.ts';
import { writeDrainToken } from './admin/drain-token.ts';
import { gatewayChecks } from './admin/checks.ts';
import { unreadyReason } from './admin/unready-reason.ts';
import { Heartbeats } from './admin/heartbeats.ts';
import { auditOutcomes } from './audit/audit-outcomes.ts';
import { createSessionBudget } from './budget/create-session-budget.ts';
import { createBreakers } from './breaker/create-breakers.ts';
import { forgetGone } from './breaker/forget-gone.ts';
import { Arrivals } from './ext-proc/arrivals.ts';
import { startExtProc } from './ext-proc/start-ext-proc.ts';
import { measureRedis } from './metrics/measure-redis.ts';
import type { ErrorPlace } from './metrics/error-place.ts';
import { createMetrics } from './metrics/metrics.ts';
import { fleetRows } from './metrics/fleet-rows.ts';
import { accessLogReceiver } from './outcome/access-log-receiver.ts';
import { outcomePipeline } from './outcome/outcome-pipeline.ts';
import { SloPublisher } from './outcome/slo-publisher.ts';
import { AffinityMemory } from './modern/affinity-memory.ts';
import { redisAffinityStore } from './modern/affinity-store.ts';
import { createFleetLimits } from './rate-limits/create-fleet-limits.ts';
import { isReplicaAlive } from './recovery/replica-check.ts';
import { Recovery } from './recovery/recovery.ts';
import { replicaLinks } from './recovery/replica-link.ts';
import { Upstream } from './recovery/upstream.ts';
import { reportTopology } from './report-topology.ts';
import { loginAnswers } from './login/login-answers.ts';
import { startRelay, type Relay } from './relay/start-relay.ts';
import { FirstAnswer } from './session/first-answer.ts';
import { followStore } from './session/follow-store.ts';
import { createSessionDirectory } from './session/cached-directory.ts';
import { touchIntervalMs } from './session/touch-interval.ts';
import { openStore } from './session/open-store.ts';
import { reachedAt } from './settings/reached-at.ts';
import type { SidecarSettings } from './settings/read-settings.ts';
import { ownAddresses } from './identity/own-addresses.ts';
import { openIdentity } from './identity/open-identity.ts';
import { addressOf, relayPins } from './settings/relay-pins.ts';
import { TopologyClient } from './xds/topology-client.ts';
import { whenServing } from './xds/when-serving.ts';

export interface Sidecar {
  /** Sends balancers and neighbours elsewhere, lets what runs finish, and ends. */
  stop(): Promise<void>;
}

/** A server that the control plane has not spoken of: its sessions live as long as the configuration's default. */
const DEFAULT_TTL_SECONDS = 3600;
/** A sidecar that has not heard a control plane by then says so. */
const FIRST_WORD_MS = 15_000;
const REDIS_WAIT_MS = 2000;

/** Builds the parts of one sidecar process and starts them: store, directory, topology, breakers, outcomes, relay, ext_proc, admin. */
export async function startSidecar(settings: SidecarSettings, version: string, log: Logger): Promise<Sidecar> {
  const {
      nodeId,
      shared: { ha, sessionStore },
    } = settings,
    now = Date.now,
    random = Math.random;
  const metrics = createMetrics({ version, nodeId });
  /** A failure of the sidecar's own code: it costs one request, stream or round of a timer. */
  const internalError = (where: ErrorPlace, error: unknown, traceId: string | null = null): void => {
    metrics.path.internalError(where);
    log.error({ where, traceId, error: describeError(error) }, 'an internal error was contained');
  };
  const failing = (where: ErrorPlace) => (error: unknown) => internalError(where, error);
  const onError = failing('background');
  let isDraining = false;

  const redis = sessionStore.type === 'redis' ? connectRedis(sessionStore.url, { name: `holdfast-${nodeId}` }) : null;
  if (redis) measureRedis(redis, metrics.links.redis);
  const firstAnswer = redis && new FirstAnswer(redis, log);
  if (redis && !(await whenReady(redis, REDIS_WAIT_MS)))
    log.warn('Redis does not answer yet; new sessions stay on this node until it does');
  const { store, secret, identities } = await openStore(redis, nodeId, onError);

  const hostOf = (host: string): string => reachedAt(host, settings.advertise, networkInterfaces());
  const own = (): Heartbeat => ({ ...ownAddresses(settings, hostOf), nodeId, version, isDraining, atMs: now() });
  const { certs } = settings;
  const identity = certs === null ? null : openIdentity({ folder: certs, nodeId, metrics: metrics.links, log, now });
  const topology = new TopologyClient({
    addresses: settings.controlPlanes,
    nodeId,
    version,
    metadata: own,
    ...(identity && { tls: identity.controlPlane }),
    ...(settings.stateDir !== null && { stateFile: join(settings.stateDir, `${nodeId}.topology.json`) }),
  });
  const server = (name: string) => topology.topology.server(name);

  const ttlSeconds = (name: string): number => server(name)?.policy.sessionTtlSeconds ?? DEFAULT_TTL_SECONDS;
  const unusedSeconds = (name: string): number => server(name)?.policy.limits.unusedSessionSeconds ?? 0;
  const directory = createSessionDirectory({ store, nodeId, onError, ttlSeconds, unusedSeconds });
  followStore(directory, metrics.links, log);

  const fleet = createBreakers({
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
  const outcomes = outcomePipeline({
    onError: failing('outcome-sink'),
    metrics,
    breakers,
    logger: log,
    now,
    touch: (name, digest, atMs) => directory.touch(name, digest, atMs),
    touchIntervalMs: (name) => touchIntervalMs(ttlSeconds(name)),
    successSample: (name) => server(name)?.policy.logSuccessSample ?? 0,
  });
  const audit = auditOutcomes(outcomes, { server, directory, metrics, now });
  const upstream = new Upstream(
    replicaLinks(() => topology.topology, identity?.neighbour),
    (error) => internalError('replica-answer', error),
  );
  function* inFlight() {
    for (const { name, endpoints } of topology.topology.servers.values()) {
      for (const { backend, slot, address } of endpoints)
        yield { server: name, backend, slot, calls: upstream.live(address) };
    }
  }
  const slo = redis && new SloPublisher({ node: nodeId, redis, startedAtMs: now(), inFlight, onError });
  if (slo) {
    outcomes.subscribe('slo', slo.count);
    directory.on('moved', ({ record }) => {
      if (record) slo.recovered(record.server, record.backend);
    });
  }

  topology.on('change', (next) => {
    for (const { policy } of next.servers.values()) breakers.configure(policy);
    for (const { name, tools } of next.servers.values()) metrics.tools.list(name, tools?.keys() ?? null);
    forgetGone(breakers.table, next, (name, tool) => metrics.tools.isListed(name, tool));
    metrics.links.servers(fleetRows(next));
  });
  reportTopology(topology, metrics.links, log);
  topology.on('failure', failing('xds'));
  await topology.start();

  const heartbeats =
    redis &&
    new Heartbeats({
      onError: failing('timer'),
      redis,
      own,
      write: (beat) => writeHeartbeat(beat, identity?.signer() ?? null),
      expected: ha.clusterNodes,
      everyMs: ha.healthCheckIntervalMs,
      goneAfterMs: ha.failoverTimeoutMs,
      onRound: (members) => {
        for (const { nodeId: node, isUp, ageMs } of members) metrics.links.gateway(node, isUp, ageMs ?? 0);
      },
    });
  let isServing = false;
  const renderMetrics = (accept: string | undefined): ReturnType<typeof metrics.render> => {
    for (const name of topology.topology.servers.keys()) metrics.sessions.live(name, directory.counts(name).values());
    return metrics.render(accept);
  };
  const admin = new Admin({
    ...settings.admin,
    everyMs: ha.healthCheckIntervalMs,
    checks: gatewayChecks({
      redis: redis && store,
      topology: () => topology.topology,
      isControlPlaneConnected: () => topology.isConnected,
      isDraining: () => isDraining,
      members: () => heartbeats?.members ?? [],
    }),
    unreadyReason: () => unreadyReason({ isServing, isDraining, storeProblem: firstAnswer?.problem ?? null }),
    renderMetrics,
    onError: failing('admin'),
    drainToken: settings.extProc.kind === 'unix' ? writeDrainToken(settings.extProc.path) : null,
    drain: async () => {
      isDraining = true;
      await heartbeats?.beat().catch(onError);
    },
    onCheck: (name, isHealthy, durationMs) => metrics.links.healthCheck(name, isHealthy, durationMs),
  });

  const recovery = new Recovery({
    server,
    directory,
    identities,
    upstream,
    metrics: metrics.sessions,
    isFailoverEnabled: sessionStore.isFailoverEnabled,
  });
  const affinity = new AffinityMemory({ store: redis && redisAffinityStore(redis), onError });
  let relay: Relay | null = null;
  const budget = createSessionBudget({
    ...{ server, directory, upstream, redis, now, metrics: metrics.limits },
    maxMemoryPercent: sessionStore.maxMemoryPercent,
    isBusy: (digest) => relay?.isBusy(digest) ?? false,
  });
  relay = await startRelay({
    sessions: budget.sessions,
    ...settings.relay,
    advertise: hostOf(settings.relay.host),
    closeMs: DRAIN_MS,
    peer: settings.relayPeer &&
      identity && {
        ...settings.relayPeer,
        advertise: hostOf(settings.relayPeer.host),
        tls: identity.port('relay'),
      },
    onError,
    internalError,
    topology: () => topology.topology,
    directory,
    identities,
    recovery,
    upstream,
    breakers,
    affinity,
    fleetLimits: createFleetLimits(redis, now, metrics.limits.decidedLocally),
    other: loginAnswers({ topology: () => topology.topology, upstream, contained: failing('relay') }),
    outcomes: (outcome) => {
      outcomes.publish(outcome);
    },
    metrics: { ...metrics.path, ...metrics.sessions, ...metrics.limits },
    learned: (name, tools) => metrics.tools.learn(name, tools),
    report: (report) => {
      redis?.publish(CHANNEL.reports, JSON.stringify({ ...report, node: nodeId })).catch(() => undefined);
    },
    health: async () => {
      const report = await admin.health();
      // The public port says whether this node serves; what is wrong with it is the admin port's to tell.
      return { status: httpStatusOf(report), body: { status: report.status, timestamp: report.timestamp, checks: [] } };
    },
  });
  const extProc = await startExtProc({
    server,
    directory,
    identities,
    relay: relayPins(
      settings.relay.host,
      relay.peerAddress ?? `${hostOf(settings.relay.host)}:${relay.address.port}`,
      relay.address.port,
    ),
    arrivals: new Arrivals(),
    ...{ sessions: budget.sessions, refused: metrics.limits.refused },
    now,
    random,
    onError: (error, where) => internalError(where, error),
    metrics: metrics.path,
    gate: (name, slot, tool) => breakers.gate(name, slot, tool, now()),
    release: (permit) => breakers.release(permit, now()),
    onCreated: (name, backend) => metrics.sessions.created(name, backend),
    addresses: [addressOf(settings.extProc)],
    peer: settings.peer && addressOf({ kind: 'tcp', ...settings.peer }),
    peerTls: identity?.port('ext_proc') ?? null,
    accessLogs: accessLogReceiver({
      bus: outcomes,
      backendOf: (name, slot) => server(name)?.bySlot(slot)?.backend ?? null,
      onEntries: (result, count) => metrics.path.accessLogEntries(result, count),
    }),
  });
  const adminPort = await admin.start();
  await heartbeats?.start();
  const begin = (): void => {
    isServing = true;
    log.info({ relay: relay.address.port, admin: adminPort, servers: [...topology.topology.servers.keys()] }, 'ready');
  };
  detach(whenServing(topology, FIRST_WORD_MS, begin, log), onError);

  return {
    async stop() {
      isDraining = true;
      await heartbeats?.stop();
      // Envoy learns at once (GOAWAY, refused connections) and turns to the neighbours; what runs here is finished first.
      await Promise.all([extProc.close(DRAIN_MS), relay.close()]);
      fleet.close();
      budget.close();
      await Promise.all([audit.close(), slo?.stop()]);
      affinity.close();
      secret.close();
      await directory.close();
      await Promise.all([topology.close(), upstream.close(), admin.close()]);
      await store.close();
    },
  };
}

/** What is still under way after this long is cut off. */
const DRAIN_MS = 20_000;
