import { writeHeartbeat } from '../../proto/identity/signed-heartbeat.ts';
import { Admin } from '../admin/admin-server.ts';
import { gatewayChecks } from '../admin/checks.ts';
import { writeDrainToken } from '../admin/drain-token.ts';
import { Heartbeats } from '../admin/heartbeats.ts';
import { unreadyReason } from '../admin/unready-reason.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { Mesh } from './mesh.ts';
import type { Node } from './node.ts';
import type { Storage } from './storage.ts';

export interface Status {
  admin: Admin;
  /** Null without Redis: nobody reads them. */
  heartbeats: Heartbeats | null;
}

/** What this node says of itself: heartbeats to the other nodes, and the admin port to operators and balancers. */
export function createStatus(node: Node, storage: Storage, mesh: Mesh, directory: SessionDirectory): Status {
  const { settings, metrics, failing } = node;
  const { ha } = settings.shared;
  const heartbeats =
    storage.redis &&
    new Heartbeats({
      onError: failing('timer'),
      redis: storage.redis,
      own: () => node.heartbeat(),
      write: (beat) => writeHeartbeat(beat, mesh.identity?.signer() ?? null),
      expected: ha.clusterNodes,
      everyMs: ha.healthCheckIntervalMs,
      goneAfterMs: ha.failoverTimeoutMs,
      onRound: (members) => {
        for (const { nodeId, isUp, ageMs } of members) metrics.links.gateway(nodeId, isUp, ageMs ?? 0);
      },
    });
  const renderMetrics = (accept: string | undefined): ReturnType<typeof metrics.render> => {
    for (const name of mesh.topology().servers.keys()) metrics.sessions.live(name, directory.counts(name).values());
    return metrics.render(accept);
  };
  const admin = new Admin({
    ...settings.admin,
    everyMs: ha.healthCheckIntervalMs,
    checks: gatewayChecks({
      redis: storage.redis && storage.store,
      topology: mesh.topology,
      isControlPlaneConnected: () => mesh.client.isConnected,
      isDraining: () => node.isDraining,
      members: () => heartbeats?.members ?? [],
    }),
    unreadyReason: () => unreadyReason({ ...node, storeProblem: storage.problem() }),
    renderMetrics,
    onError: failing('admin'),
    drainToken: settings.extProc.kind === 'unix' ? writeDrainToken(settings.extProc.path) : null,
    drain: async () => {
      node.isDraining = true;
      await heartbeats?.beat().catch(failing('background'));
    },
    onCheck: (name, isHealthy, durationMs) => metrics.links.healthCheck(name, isHealthy, durationMs),
  });
  return { admin, heartbeats };
}
