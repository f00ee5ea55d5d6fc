import { Gauge, type Registry } from 'prom-client';
import type { Rollout } from '../rollout/rollout.ts';
import { targetPercent } from '../rollout/rollout.ts';
import type { TopologySnapshot } from '../topology/topology.ts';

export interface TopologyMetricsOptions {
  registry: Registry;
  version: string;
  topology: () => TopologySnapshot | null;
  rollouts: () => ReadonlyMap<string, Rollout>;
  isLeader: () => boolean;
  /** Names of `HA_CLUSTER_NODES`: one that isn't there is shown as 0. */
  clusterNodes: () => readonly string[];
}

/** What the control plane knows of the whole mesh, read when it is scraped, so that what is gone leaves no series behind. */
export function topologyMetrics({
  registry,
  version,
  topology,
  rollouts,
  isLeader,
  clusterNodes,
}: TopologyMetricsOptions): void {
  const registers = [registry];
  const read = (name: string, help: string, labelNames: string[], fill: (gauge: Gauge) => void): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        fill(this);
      },
    });
  };
  const servers = () => topology()?.servers ?? [];
  new Gauge({
    name: 'holdfast_control_plane_info',
    help: '1, with what runs here.',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version, node_version: process.version }, 1);
  read('holdfast_control_plane_leader', '1 on the control plane that holds the lease.', [], (gauge) => {
    gauge.set(isLeader() ? 1 : 0);
  });
  read(
    'holdfast_mesh_server_health',
    '1 while a server has a replica whose probes succeed.',
    ['server_id'],
    (gauge) => {
      for (const { name, endpoints } of servers())
        gauge.set({ server_id: name }, endpoints.some(({ state }) => state !== 'unhealthy') ? 1 : 0);
    },
  );
  read(
    'holdfast_mesh_replicas',
    'Replicas by what the control plane says of them.',
    ['server_id', 'backend', 'state'],
    (gauge) => {
      for (const { name, endpoints } of servers())
        for (const { backend, state } of endpoints) gauge.inc({ server_id: name, backend, state });
    },
  );
  read('holdfast_mesh_steady_slots', 'Replicas whose sessions Envoy pins by itself.', ['server_id'], (gauge) => {
    for (const { name, endpoints } of servers())
      gauge.set({ server_id: name }, endpoints.filter(({ isSteady }) => isSteady).length);
  });
  read(
    'holdfast_mesh_backend_weight',
    'Share of new sessions of each backend, as it is in force.',
    ['server_id', 'backend'],
    (gauge) => {
      for (const { name, backends } of servers())
        for (const { name: backend, weight } of backends) gauge.set({ server_id: name, backend }, weight);
    },
  );
  read(
    'holdfast_mesh_gateway',
    '1 for each gateway node that is there, 0 for one that HA_CLUSTER_NODES names and that is not.',
    ['node', 'draining'],
    (gauge) => {
      const there = topology()?.gateways ?? [];
      for (const { id, isDraining } of there) gauge.set({ node: id, draining: String(isDraining) }, 1);
      for (const node of clusterNodes())
        if (!there.some(({ id }) => id === node)) gauge.set({ node, draining: 'false' }, 0);
    },
  );
  read(
    'holdfast_rollout_percent',
    'Share of new sessions that a rollout gives the new backend.',
    ['server_id', 'from', 'to'],
    (gauge) => {
      for (const [server, rollout] of rollouts())
        gauge.set({ server_id: server, from: rollout.plan.from, to: rollout.plan.to }, targetPercent(rollout));
    },
  );
  read(
    'holdfast_rollout_phase',
    '1 for the phase that each server’s latest rollout is in.',
    ['server_id', 'phase', 'held'],
    (gauge) => {
      for (const [server, { phase, isPaused }] of rollouts()) {
        const isHeld =
          isPaused || (phase.kind === 'preflight' && phase.isHeld) || (phase.kind === 'step' && phase.failures > 0);
        gauge.set({ server_id: server, phase: phase.kind, held: String(isHeld) }, 1);
      }
    },
  );
}
