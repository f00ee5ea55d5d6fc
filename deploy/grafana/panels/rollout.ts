import type { Dashboard } from '../dashboard.ts';
import { lines, of, ofMesh, orZero, quantile, rate, spans } from '../panel.ts';

const perBackend = (outcome: string, method: string): string =>
  `${rate('server_id, backend', of('mcp_requests_total', `backend!="none",outcome=~"${outcome}",method=~"${method}"`))} / ${rate('server_id, backend', of('mcp_requests_total', `backend!="none",method=~"${method}",outcome!~"client_fault|cancelled"`))}`;

export const rollout: Dashboard = {
  uid: 'holdfast-rollout',
  title: 'Holdfast: rollout',
  description: 'Two backends side by side: what a rollout is judged by.',
  rows: [
    {
      title: 'Where it is',
      panels: [
        spans('Phase', 'Of each server’s latest rollout. Alerts: RolloutRolledBack, RolloutHeld.', [
          orZero(`max by (server_id, phase, held) (${ofMesh('holdfast_rollout_phase')})`),
          '{{server_id}} {{phase}} held={{held}}',
        ]),
        lines('New sessions for the new backend', 'percent', 'What the rollout wants.', [
          orZero(`max by (server_id, to) (${ofMesh('holdfast_rollout_percent')})`),
          '{{server_id}} → {{to}}',
        ]),
        lines('Weights in force', 'short', 'Of each backend, health considered.', [
          `max by (server_id, backend) (${ofMesh('holdfast_mesh_backend_weight')})`,
          '{{server_id}} {{backend}}',
        ]),
        lines('Sessions begun', 'reqps', 'What the weights come to.', [
          rate('server_id, backend', of('mcp_sessions_created_total')),
          '{{server_id}} {{backend}}',
        ]),
      ],
    },
    {
      title: 'What it is judged by',
      panels: [
        lines('Tool errors and faults', 'percentunit', 'Share of tool calls.', [
          orZero(perBackend('tool_error|server_error|replica_fault', 'tools/call')),
          '{{server_id}} {{backend}}',
        ]),
        lines('p99 of requests', 's', 'Streams are left out.', [
          quantile(0.99, 'server_id, backend', of('mcp_backend_duration_seconds_bucket')),
          '{{server_id}} {{backend}}',
        ]),
        lines('initialize that succeeded', 'percentunit', 'Should be 1.', [
          orZero(perBackend('success', 'initialize')),
          '{{server_id}} {{backend}}',
        ]),
        lines('Recoveries', 'reqps', 'A backend whose replicas crash shows here first.', [
          orZero(rate('server_id', of('mcp_session_recoveries_total'))),
          '{{server_id}}',
        ]),
      ],
    },
    {
      title: 'Load',
      panels: [
        lines('Requests by backend', 'reqps', 'All outcomes.', [
          rate('server_id, backend', of('mcp_requests_total', 'backend!="none"')),
          '{{server_id}} {{backend}}',
        ]),
        lines('Replicas by backend', 'short', 'By state.', [
          `max by (server_id, backend, state) (sum by (instance, server_id, backend, state) (${ofMesh('holdfast_mesh_replicas')}))`,
          '{{server_id}} {{backend}} {{state}}',
        ]),
        lines('Steady replicas', 'short', 'Replicas whose sessions Envoy pins by itself.', [
          `max by (server_id) (${ofMesh('holdfast_mesh_steady_slots')})`,
          '{{server_id}}',
        ]),
      ],
    },
  ],
};
