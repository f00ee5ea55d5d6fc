/** The namespace of the servers. */
export const MCP = 'mcp';

export interface McpServerPlan {
  name: string;
  /** Its pods and its Service ask for the pair. */
  isInjected?: boolean;
  /** Its Service has addresses of both families. */
  isDualStack?: boolean;
}

/** A file in a replica's container that makes its readiness probe fail; the server itself goes on. */
export const UNREADY = '/scratch/unready';

/** Deployment, budget and Service of an example server with two replicas. `ledgers`: a folder that all of them write to. */
export function mcpServer({ name, isInjected = false, isDualStack = false }: McpServerPlan, ledgers: string): object[] {
  const labels = { app: name };
  const annotations = isInjected ? { 'mesh.holdfast/inject': name } : {};
  const main = 'deploy/test/servers/linear/main.ts';
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: MCP },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: {
          metadata: { labels, annotations },
          spec: {
            topologySpreadConstraints: [
              {
                maxSkew: 1,
                topologyKey: 'kubernetes.io/hostname',
                whenUnsatisfiable: 'ScheduleAnyway',
                labelSelector: { matchLabels: labels },
              },
            ],
            securityContext: { runAsUser: 1000, runAsGroup: 1000 },
            containers: [
              {
                name: 'server',
                image: 'holdfast/example-server:0.1.0',
                command: ['node', main, '--host', '0.0.0.0', '--port', '3000', '--name', '$(POD_NAME)'],
                args: ['--ledger', `/ledgers/${name}`],
                env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
                ports: [{ name: 'mcp', containerPort: 3000 }],
                readinessProbe: {
                  exec: { command: ['bash', '-c', `test ! -e ${UNREADY} && exec 3<>/dev/tcp/127.0.0.1/3000`] },
                  periodSeconds: 2,
                  failureThreshold: 1,
                  timeoutSeconds: 5,
                },
                resources: { requests: { cpu: '50m', memory: '64Mi' } },
                volumeMounts: [
                  { name: 'ledgers', mountPath: '/ledgers' },
                  { name: 'scratch', mountPath: '/scratch' },
                ],
              },
            ],
            volumes: [
              { name: 'ledgers', hostPath: { path: ledgers } },
              { name: 'scratch', emptyDir: {} },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace: MCP },
      spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: MCP, annotations },
      spec: {
        selector: labels,
        ipFamilyPolicy: isDualStack ? 'PreferDualStack' : 'SingleStack',
        ports: [{ name: 'mcp', port: 80, targetPort: 3000 }],
      },
    },
  ];
}
