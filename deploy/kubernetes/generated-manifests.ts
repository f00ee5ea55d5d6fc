import { stringify } from 'yaml';
import { DEFAULTS, pair, PORT } from '../../control-plane/inject/pod-parts.ts';

const NOTE =
  '# Written by `node deploy/kubernetes/write.ts`: the same pair as `holdfast inject` puts beside a server (control-plane/inject/pod-parts.ts).\n';

/** The gateway tier: pods that are nothing but the pair. */
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
    'gateway.yaml':
      NOTE +
      [deployment, service, budget]
        .map((each) => stringify(each, { lineWidth: 0, aliasDuplicateObjects: false }))
        .join('---\n'),
  };
}
