import { httpStatusOf } from '../../proto/health/run-checks.ts';
import { CHANNEL } from '../../proto/wire.ts';
import type { Admin } from '../admin/admin-server.ts';
import type { NewSessions } from '../budget/new-sessions.ts';
import { Arrivals } from '../ext-proc/arrivals.ts';
import { startExtProc, type ExtProc } from '../ext-proc/start-ext-proc.ts';
import { loginAnswers } from '../login/login-answers.ts';
import type { AffinityMemory } from '../affinity/affinity-memory.ts';
import { accessLogReceiver } from '../outcome/access-log-receiver.ts';
import { createFleetLimits } from '../rate-limits/create-fleet-limits.ts';
import { Recovery } from '../recovery/recovery.ts';
import type { ReplicaClient } from '../replica/client.ts';
import type { HeldWork } from '../relay/held-work.ts';
import { startRelay, type Relay } from '../relay/start-relay.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import { addressOf, relayPins } from '../settings/relay-pins.ts';
import type { Mesh } from './mesh.ts';
import type { Node } from './node.ts';
import type { Results } from './results.ts';
import type { Storage } from './storage.ts';

/** What the two ports that requests come to are made of. */
export interface PortParts {
  node: Node;
  storage: Storage;
  mesh: Mesh;
  directory: SessionDirectory;
  upstream: ReplicaClient;
  held: HeldWork;
  results: Results;
  affinity: AffinityMemory;
  sessions: NewSessions;
  admin: Admin;
  /** What is still under way after this long, when the relay closes, is cut off. */
  closeMs: number;
}

/** The relay: Envoy's endpoint of last resort, and the one that holds guarded calls and streams. */
export async function openRelay(parts: PortParts): Promise<Relay> {
  const { node, storage, mesh, directory, upstream, held, results, affinity, sessions, admin, closeMs } = parts;
  const { settings, nodeId, metrics, now, internalError, failing } = node;
  const { redis, identities } = storage;
  const recovery = new Recovery({
    server: mesh.server,
    directory,
    identities,
    upstream,
    metrics: metrics.sessions,
    isFailoverEnabled: settings.shared.sessionStore.isFailoverEnabled,
  });
  return startRelay({
    ...settings.relay,
    advertise: node.hostOf(settings.relay.host),
    closeMs,
    nodeGoneMs: settings.shared.ha.failoverTimeoutMs,
    peer: settings.relayPeer &&
      mesh.identity && {
        ...settings.relayPeer,
        advertise: node.hostOf(settings.relayPeer.host),
        tls: mesh.identity.port('relay'),
      },
    onError: failing('background'),
    internalError,
    wallMs: Date.now,
    topology: mesh.topology,
    directory,
    held,
    identities,
    recovery,
    upstream,
    breakers: results.breakers,
    traces: results.traces,
    affinity,
    sessions,
    fleetLimits: createFleetLimits(redis, now, metrics.limits.decidedLocally),
    other: loginAnswers({
      ...{ topology: mesh.topology, upstream, contained: failing('relay') },
      refused: metrics.limits.refused,
    }),
    outcomes: (outcome) => {
      results.outcomes.publish(outcome);
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
}

/** ext_proc and access logs: what Envoy asks, and what it tells. */
export function openExtProc(parts: PortParts, relay: Relay): Promise<ExtProc> {
  const { node, storage, mesh, directory, results, sessions } = parts;
  const { settings, metrics, now, internalError } = node;
  const { breakers } = results;
  const { host } = settings.relay;
  const { port } = relay.address;
  return startExtProc({
    server: mesh.server,
    directory,
    identities: storage.identities,
    relay: relayPins(host, relay.peerAddress ?? `${node.hostOf(host)}:${port}`, port),
    arrivals: new Arrivals(),
    sessions,
    refused: metrics.limits.refused,
    now,
    random: Math.random,
    onError: (error, where) => internalError(where, error),
    metrics: metrics.path,
    gate: (name, slot, tool) => breakers.gate(name, slot, tool, now()),
    release: (permit) => breakers.release(permit, now()),
    onCreated: (name, backend) => metrics.sessions.created(name, backend),
    addresses: [addressOf(settings.extProc)],
    isPlain: settings.isPlainExtProc,
    peer: settings.peer && addressOf({ kind: 'tcp', ...settings.peer }),
    peerTls: mesh.identity?.port('ext_proc') ?? null,
    accessLogs: accessLogReceiver({
      bus: results.outcomes,
      backendOf: (name, slot) => mesh.server(name)?.bySlot(slot)?.backend ?? null,
      onEntries: (result, count) => metrics.path.accessLogEntries(result, count),
    }),
  });
}
