import type { Alert } from './alert.ts';

/** Path of the dashboard, below Grafana's address, that shows what an alert is about; `$labels` are filled in by Prometheus. */
export function dashboardLink({ name, labels }: Alert): string {
  const uid = /^Rollout/.test(name)
    ? 'holdfast-rollout'
    : /Session|Failover|Recover|Ambiguous/.test(name)
      ? 'holdfast-sessions'
      : 'server_id' in labels
        ? 'holdfast-server'
        : 'holdfast-fleet';
  const choice =
    'server_id' in labels
      ? '?var-server={{ $labels.server_id }}'
      : 'node' in labels
        ? '?var-gateway={{ $labels.node }}'
        : '';
  return `/d/${uid}${choice}`;
}
