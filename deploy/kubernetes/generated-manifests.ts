import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { DASHBOARDS } from '../grafana/dashboards.ts';
import { DEFAULTS, pair, PORT } from '../../control-plane/inject/pod-parts.ts';
import { mcpServerCrd } from './mcp-server-crd.ts';

const NOTE =
  '# Written by `node deploy/kubernetes/write.ts`: the same pair as `holdfast inject` puts beside a server (control-plane/inject/pod-parts.ts).\n';

/** Files of this folder that are made of others: the gateway tier, pods that are nothing but the pair, and the alerts. */
export function generatedManifests(): Record<string, string> {
  const labels = { 'app.kubernetes.io/name': 'holdfast-gateway' };
  const { initContainers, containers, volumes } = pair({ ...DEFAULTS, controlPlane: 'holdfast-control-plane:18000' });
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'holdfast-gateway', labels },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      // A node more comes before one goes.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: DEFAULTS.graceSeconds,
          securityContext: { fsGroup: 1000 },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labels },
            },
          ],
          initContainers,
          containers,
          volumes,
        },
      },
    },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'holdfast-gateway', labels },
    spec: {
      type: 'ClusterIP',
      selector: labels,
      ports: [{ name: 'mcp', port: 80, targetPort: PORT.mcp, appProtocol: 'http' }],
    },
  };
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'holdfast-gateway' },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  };
  return {
    'base/gateway.yaml':
      NOTE +
      [deployment, service, budget]
        .map((each) => stringify(each, { lineWidth: 0, aliasDuplicateObjects: false }))
        .join('---\n'),
    'components/mcp-servers/crd.yaml': mcpServerCrd(),
    '../helm/holdfast/files/mcp-servers.crd.yaml': mcpServerCrd(),
    'components/monitoring/rules.yaml': RULES_NOTE + stringify(prometheusRule(), { lineWidth: 0 }),
    'components/monitoring/dashboards.yaml':
      DASHBOARDS_NOTE +
      Object.keys(DASHBOARDS)
        .map((name) => stringify(dashboardMap(name), { lineWidth: 0 }))
        .join('---\n'),
  };
}

const RULES_NOTE = '# Written by `node deploy/kubernetes/write.ts`: the alerts of deploy/prometheus.\n';

const DASHBOARDS_NOTE =
  '# Written by `node deploy/kubernetes/write.ts`: the dashboards of deploy/grafana, found by Grafana’s sidecar by their label.\n';

/** One dashboard as the ConfigMap that the Grafana chart's sidecar loads. */
const dashboardMap = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: `holdfast-dashboard-${name}`, namespace: 'holdfast', labels: { grafana_dashboard: '1' } },
  data: {
    [`holdfast-${name}.json`]: readFileSync(new URL(`../grafana/dashboards/${name}.json`, import.meta.url), 'utf8'),
  },
});

const prometheusRule = (): object => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'holdfast', namespace: 'holdfast' },
  spec: parse(readFileSync(new URL('../prometheus/holdfast.rules.yml', import.meta.url), 'utf8')) as object,
});
