import type { Logger } from 'pino';
import { detach } from '../proto/detach.ts';
import { createSessionBudget } from './budget/create-session-budget.ts';
import { AffinityMemory } from './affinity/affinity-memory.ts';
import { redisAffinityStore } from './affinity/affinity-store.ts';
import { keepJoined } from './join/keep-joined.ts';
import { joinMesh } from './parts/mesh.ts';
import { createNode } from './parts/node.ts';
import { openExtProc, openRelay, type PortParts } from './parts/ports.ts';
import { followResults } from './parts/results.ts';
import { openSessions } from './parts/sessions.ts';
import { createStatus } from './parts/status.ts';
import { openStorage } from './parts/storage.ts';
import { HeldWork } from './relay/held-work.ts';
import { replicaLinks } from './replica/replica-link.ts';
import { ReplicaClient } from './replica/client.ts';
import type { SidecarSettings } from './settings/read-settings.ts';
import { whenServing } from './xds/when-serving.ts';

export interface Sidecar {
  /** Sends balancers and neighbours elsewhere, lets what runs finish, and ends. */
  stop(): Promise<void>;
}

/** A sidecar that has not heard a control plane by then says so. */
const FIRST_WORD_MS = 15_000;
/** What is still under way after this long is cut off. */
const DRAIN_MS = 20_000;

/** Builds the parts of one sidecar process and starts them. Each part is made of those above it. */
export async function startSidecar(settings: SidecarSettings, version: string, log: Logger): Promise<Sidecar> {
  const node = createNode(settings, version, log);
  const { metrics, now, internalError, failing } = node;

  const mesh = joinMesh(node, version);
  const storage = await openStorage(node, mesh);
  const { store, secret, redis } = storage;
  const { client: topology, server } = mesh;
  const directory = openSessions(node, storage, mesh);
  const upstream = new ReplicaClient(replicaLinks(mesh.topology, mesh.identity?.neighbour), (error) =>
    internalError('replica-answer', error),
  );
  const results = followResults(node, storage, mesh, directory, upstream);
  await topology.start();

  const { admin, heartbeats } = createStatus(node, storage, mesh, directory);
  const affinity = new AffinityMemory({ store: redis && redisAffinityStore(redis), onError: failing('background') });
  const { maxMemoryPercent } = settings.shared.sessionStore;
  const held = new HeldWork(directory, metrics.path);
  const limits = metrics.limits;
  const budget = createSessionBudget({
    ...{ server, directory, upstream, held, redis, now },
    metrics: limits,
    maxMemoryPercent,
  });
  const { sessions } = budget;
  const parts: PortParts = {
    node,
    storage,
    mesh,
    directory,
    upstream,
    held,
    results,
    affinity,
    sessions,
    admin,
    closeMs: DRAIN_MS,
  };
  const relay = await openRelay(parts);
  const extProc = await openExtProc(parts, relay);
  const adminPort = await admin.start();
  await heartbeats?.start();

  const { certs, hasJoined } = settings;
  const onResult = metrics.links.certificateRenewal;
  const stopRenewing = hasJoined && certs !== null ? keepJoined({ folder: certs, log, onResult }) : null;

  const begin = (): void => {
    node.isServing = true;
    const servers = [...mesh.topology().servers.keys()];
    log.info({ relay: relay.address.port, admin: adminPort, servers }, 'ready');
  };
  detach(whenServing(topology, FIRST_WORD_MS, begin, log), failing('background'));

  return {
    async stop() {
      node.isDraining = true;
      await heartbeats?.stop();
      // Envoy learns at once (GOAWAY, refused connections) and turns to the neighbours; what runs here is finished first.
      await Promise.all([extProc.close(DRAIN_MS), relay.close()]);
      budget.close();
      await stopRenewing?.();
      await results.close();
      affinity.close();
      secret.close();
      await directory.close();
      await Promise.all([topology.close(), upstream.close(), admin.close()]);
      await store.close();
    },
  };
}
