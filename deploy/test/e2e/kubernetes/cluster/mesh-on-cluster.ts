import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { nodeProgram } from '../../../mesh/node-program.ts';
import { waitFor } from '../../../mesh/wait-for.ts';
import { readLedger } from '../../../servers/kit/ledger.ts';
import { mcpServer, MCP, type McpServerPlan } from './mcp-server-objects.ts';
import type { Cluster } from './whole-cluster.ts';

const ROOT = resolve(import.meta.dirname, '../../../../..');
const MANIFESTS = join(ROOT, 'deploy/kubernetes');
export const HOLDFAST = 'holdfast';
const LEDGERS = 'ledgers';

/** The servers that the rows of the table use. */
export const SERVERS = {
  /** Behind the gateway tier. */
  linear: { name: 'linear' },
  /** With Envoy and sidecar in its own pods. */
  desk: { name: 'desk', isInjected: true },
  /** Behind the gateway tier, by a Service of both families; listens on IPv4 alone. */
  dual: { name: 'dual', isDualStack: true },
} as const satisfies Record<string, McpServerPlan>;
export type ServerName = keyof typeof SERVERS;

/** A mesh on the cluster, installed by the manifests of this repository. */
export interface MeshOnCluster {
  /** Where clients of a server go, by the address of a Service. */
  url(server: ServerName): string;
  /** How many replicas of a server the control plane gives to gateways, by its admin API. */
  replicas(server: ServerName): Promise<number>;
  /** Executions of `charge` by key, of all replicas. */
  executions(server: ServerName): ReadonlyMap<string, number>;
}

/** Makes the Secrets, applies base and components with a configuration for these servers, and waits until all is ready. */
export async function installMesh(cluster: Cluster, say: (line: string) => void): Promise<MeshOnCluster> {
  const { kubectl, folder } = cluster;
  const secrets = join(folder, 'secrets');
  const { command, args } = nodeProgram('deploy/kubernetes/write-secrets.ts', [secrets, '--join']);
  await promisify(execFile)(command, args, { cwd: ROOT });
  await kubectl.apply(await readFile(join(MANIFESTS, 'base/namespace.yaml'), 'utf8'));
  await kubectl.apply(await readFile(join(secrets, 'secrets.yaml'), 'utf8'));
  await kubectl.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: MCP,
        labels: Object.fromEntries(
          [['inject', 'enabled'], ...['servers', 'members'].map((each) => [each, 'true'])].map(([key, value]) => [
            `mesh.holdfast/${key}`,
            value,
          ]),
        ),
      },
    }),
  );
  await writeOverlay(join(folder, 'overlay'));
  await kubectl.run(['apply', '--server-side', '--kustomize', join(folder, 'overlay')]);
  await kubectl.run(['apply', '--server-side', '--namespace', MCP, '--kustomize', join(MANIFESTS, 'member-namespace')]);
  say('  applied; waiting for the mesh');
  await kubectl.rolledOut(HOLDFAST, 'statefulset/holdfast-redis');
  await kubectl.rolledOut(HOLDFAST, 'deploy/holdfast-control-plane');
  const ledgers = join(folder, LEDGERS);
  await mkdir(ledgers);
  await chmod(ledgers, 0o777);
  for (const plan of Object.values(SERVERS)) {
    const objects = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: mcpServer(plan, ledgers) });
    // The API server trusts the webhook once the control plane that leads has written its authority there.
    await waitFor(() => kubectl.apply(objects), { what: `${plan.name} is taken`, everyMs: 500 });
  }
  await kubectl.rolledOut(HOLDFAST, 'deploy/holdfast-gateway');
  for (const { name } of Object.values(SERVERS)) await kubectl.rolledOut(MCP, `deploy/${name}`);
  return meshOnCluster(cluster);
}

/** The mesh that is installed there. */
export async function meshOnCluster({ kubectl, folder }: Cluster): Promise<MeshOnCluster> {
  const gateway = await addressOf(HOLDFAST, 'holdfast-gateway');
  const desk = await addressOf(MCP, 'desk');
  const controlPlane = await addressOf(HOLDFAST, 'holdfast-control-plane');
  const { data } = await kubectl.get<{ data: { token: string } }>('--namespace', HOLDFAST, 'secret', 'holdfast-admin');
  const authorization = `Bearer ${Buffer.from(data.token, 'base64').toString()}`;
  return {
    url: (server) => (server === 'desk' ? `http://${desk}/mcp` : `http://${gateway}/mcp/${server}`),
    async replicas(server) {
      const asked = fetch(`http://${controlPlane}:18001/v1/replicas?server=${server}`, { headers: { authorization } });
      return ((await (await asked).json()) as unknown[]).length;
    },
    executions: (server) => readLedger(join(folder, LEDGERS, server)),
  };

  async function addressOf(namespace: string, service: string): Promise<string> {
    const { spec } = await kubectl.get<{ spec: { clusterIP: string } }>('--namespace', namespace, 'service', service);
    return spec.clusterIP;
  }
}

/** An overlay as its owner writes one: base and components, the configuration, and less CPU asked for than this machine lacks. */
async function writeOverlay(folder: string): Promise<void> {
  await mkdir(folder);
  const manifests = (name: string): string => relative(folder, join(MANIFESTS, name));
  const config = parse(await readFile(join(MANIFESTS, 'base/holdfast.yaml'), 'utf8')) as {
    controlPlane: object;
    servers: object[];
  };
  const servers = Object.values(SERVERS).map(({ name }) => ({
    name,
    trustAnnotations: true,
    timeouts: { callMs: 120_000 },
    backends: [{ name: 'stable', discovery: { type: 'kubernetes', namespace: MCP, service: name } }],
  }));
  const controlPlane = { ...config.controlPlane, kubernetes: { injection: { join: {} } } };
  await writeFile(join(folder, 'holdfast.yaml'), stringify({ ...config, controlPlane, servers }));
  const containers = { 'control-plane': 'control-plane', gateway: 'holdfast-envoy holdfast-sidecar' };
  await writeFile(
    join(folder, 'kustomization.yaml'),
    stringify({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace: HOLDFAST,
      resources: [manifests('base')],
      components: ['components/injection', 'components/join'].map(manifests),
      configMapGenerator: [{ name: 'holdfast-config', behavior: 'replace', files: ['holdfast.yaml'] }],
      generatorOptions: { disableNameSuffixHash: true },
      patches: Object.entries(containers).map(([name, all]) => ({
        target: { kind: 'Deployment', name: `holdfast-${name}` },
        patch: stringify({
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: `holdfast-${name}` },
          spec: {
            template: {
              spec: {
                containers: all.split(' ').map((each) => ({ name: each, resources: { requests: { cpu: '50m' } } })),
              },
            },
          },
        }),
      })),
    }),
  );
}
