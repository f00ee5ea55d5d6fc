import { exactly, type Objective } from '../../../report/objectives.ts';
import type { Kubectl } from './kubectl.ts';
import { MCP } from './mcp-server-objects.ts';
import { HOLDFAST } from './mesh-on-cluster.ts';
import type { Stage } from './row.ts';

export const POLICIES = 'policies are enforced';

/** What a pod that is no member of the mesh may reach, and what not; by the policies of the manifests, enforced. */
const DOORS = [
  { what: 'a gateway', host: 'holdfast-gateway.holdfast', port: 80, isOpen: true },
  { what: 'an injected server', host: `desk.${MCP}`, port: 80, isOpen: true },
  { what: 'xDS', host: 'holdfast-control-plane.holdfast', port: 18000, isOpen: false },
  { what: 'the admin API', host: 'holdfast-control-plane.holdfast', port: 18001, isOpen: false },
  { what: 'Redis', host: 'holdfast-redis.holdfast', port: 6379, isOpen: false },
] as const;

/** Tries each door from a pod of a server behind the gateway tier, and lets a pod that is new reach Redis. */
export async function policies({ cluster: { kubectl } }: Pick<Stage, 'cluster'>): Promise<Objective[]> {
  return [...(await doors(kubectl)), await backup(kubectl)];
}

function doors(kubectl: Kubectl): Promise<Objective[]> {
  return Promise.all(
    DOORS.map(async ({ what, host, port, isOpen }) => {
      // Bash connects; a name that does not resolve has another exit code than a connection that is refused.
      const script = `exec 2>&1; if timeout 4 bash -c 'exec 3<>/dev/tcp/${host}/${port}'; then echo open; else echo closed; fi`;
      const answer = await kubectl.run([
        ...['--namespace', MCP, 'exec', 'deploy/linear', '--container=server', '--'],
        ...['bash', '-c', script],
      ]);
      const isUnknown = /not known|resolution|resolve/.test(answer);
      const state = isUnknown ? 'no such name' : (answer.trim().split('\n').at(-1) ?? '');
      return exactly(`policies: to other pods, ${what} is`, isOpen ? 'open' : 'closed', state);
    }),
  );
}

/** The pod of a backup asks Redis in its first second. Whoever enforces policies may not know the pod yet. */
async function backup(kubectl: Kubectl): Promise<Objective> {
  const inMesh = (...args: string[]): string[] => ['--namespace', HOLDFAST, ...args];
  await kubectl.run(inMesh('create', 'job', 'backup-now', '--from=cronjob/holdfast-backup'));
  const timeoutMs = 180_000;
  await kubectl.run(inMesh('wait', '--for=condition=Complete', 'job/backup-now', `--timeout=${timeoutMs}ms`), {
    timeoutMs: timeoutMs + 10_000,
  });
  const { status } = await kubectl.get<{ status: { failed?: number } }>(...inMesh('job', 'backup-now'));
  await kubectl.run(inMesh('delete', '--ignore-not-found', 'job', 'backup-now'));
  return exactly('policies: pods of a backup that failed', 0, status.failed ?? 0);
}
