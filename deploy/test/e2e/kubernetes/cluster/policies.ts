import { exactly, type Objective } from '../../../report/objectives.ts';
import { MCP } from './mcp-server-objects.ts';
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

/** Tries each door from a pod of a server behind the gateway tier. */
export async function policies({ cluster: { kubectl } }: Pick<Stage, 'cluster'>): Promise<Objective[]> {
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
