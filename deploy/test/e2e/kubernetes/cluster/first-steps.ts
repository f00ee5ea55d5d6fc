import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY } from '../../../mesh/node-program.ts';
import { waitFor } from '../../../mesh/wait-for.ts';
import { exactly, type Objective } from '../../../report/objectives.ts';
import { MCP } from './mcp-server-objects.ts';
import { HOLDFAST } from './mesh-on-cluster.ts';
import type { Cluster } from './whole-cluster.ts';

export const FIRST_STEPS = 'first steps, as docs/kubernetes.md says';
const HEADING = '## From an empty cluster to a watched failover';
/** What the page calls the pod that the reader deletes. */
const POD = 'NAME';

/** Runs each command of the page on the empty cluster, looks what the session says, and takes everything out again. */
export async function firstSteps({ kubectl, folder, api }: Cluster, say: (line: string) => void): Promise<Objective[]> {
  const page = await readFile(join(REPOSITORY, 'docs/kubernetes.md'), 'utf8');
  const commands = page.split(HEADING)[1]?.split('```sh\n')[1]?.split('\n```')[0]?.split('\n') ?? [];
  const env = { ...process.env, KUBECONFIG: await api.kubeconfig('admin') };
  const staying: ChildProcess[] = [];
  let seen = '';
  try {
    for (const command of commands) {
      say(`  $ ${command}`);
      const pod = command.includes(POD) ? await replicaOf(() => seen) : '';
      // The page's folder for secrets is in the reader's clone; this one is of the run.
      const line = command.replace(/\bsecrets(?=$|\/)/g, join(folder, 'first-secrets')).replace(POD, pod);
      const child = spawn('bash', ['-c', line.replace(/ &$/, '')], { cwd: REPOSITORY, env, detached: true });
      child.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (seen += text));
      if (line.endsWith(' &')) {
        staying.push(child);
        if (line.includes('port-forward')) await waitFor(() => seen.includes('Forwarding from'), { what: 'the port' });
      } else {
        const code = await new Promise((resolve) => child.once('close', resolve));
        if (code !== 0) throw new Error(`${command}: exit code ${code}: ${seen.slice(-600)}`);
      }
    }
    await waitFor(() => seen.includes('moved here from'), { what: 'the session moved' }).catch(() => undefined);
  } finally {
    for (const { pid } of staying) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    await kubectl.run(['delete', 'namespace', '--ignore-not-found', HOLDFAST, MCP], { timeoutMs: 300_000 });
  }
  const failed = seen.split('\n').filter((line) => line.includes('FAILED')).length;
  return [
    exactly(`${FIRST_STEPS}: commands`, 10, commands.length),
    exactly(`${FIRST_STEPS}: the session moved`, 'yes', seen.includes('moved here from') ? 'yes' : 'no'),
    exactly(`${FIRST_STEPS}: calls failed`, 0, failed),
  ];
}

/** Name of the replica that the session's last line says. */
const replicaOf = (seen: () => string): Promise<string> =>
  waitFor(() => [...seen().matchAll(/ms {3}(linear-server-[\w-]+)/g)].at(-1)?.[1], {
    what: 'the session names its replica',
  });
