import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fetch } from 'undici';
import { waitFor } from '../../../mesh/wait-for.ts';
import { exactly, type Objective } from '../../../report/objectives.ts';
import { MCP } from './mcp-server-objects.ts';
import type { Stage } from './row.ts';

const AWAY_MS = 60_000;

/** Nobody can ask the API server for a minute; then it is there again, and a change is known. */
export async function awayApiServer(stage: Stage): Promise<Objective[]> {
  const { api } = stage.cluster;
  await api.apiServer.kill();
  await pause(AWAY_MS);
  await api.apiServer.start();
  return [await knowsChange(stage, 'after the API server was away')];
}

/** What control planes watched is no longer kept: they have to list everything anew. */
export async function compactedHistory(stage: Stage): Promise<Objective[]> {
  const { api, kubectl } = stage.cluster;
  const frozen = await controlPlanePids();
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  try {
    for (const label of ['one', 'two', 'three'])
      await kubectl.run(['--namespace', MCP, 'label', '--overwrite', 'service', 'linear', `seen=${label}`]);
    const status = await etcd<{ header: { revision: string } }>(api.etcdUrl, 'maintenance/status', {});
    await etcd(api.etcdUrl, 'kv/compaction', { revision: status.header.revision, physical: true });
    // Its own cache of what happened goes as well.
    await api.apiServer.kill();
    await api.apiServer.start();
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
  }
  return [
    exactly('410: control planes that were frozen', 2, frozen.length),
    await knowsChange(stage, 'after a compaction behind frozen control planes'),
  ];
}

/** Whether the mesh takes a replica more into use, and gives it up again. */
export async function knowsChange({ cluster: { kubectl }, mesh }: Stage, when: string): Promise<Objective> {
  const scale = async (replicas: number): Promise<void> => {
    await kubectl.run(['--namespace', MCP, 'scale', 'deploy/linear', `--replicas=${replicas}`]);
    await kubectl.rolledOut(MCP, 'deploy/linear');
  };
  await scale(3);
  const isKnown = await waitFor(async () => (await mesh.replicas('linear')) === 3, {
    what: 'the third replica is known',
    timeoutMs: 60_000,
    everyMs: 500,
  }).catch(() => false);
  await scale(2);
  return exactly(`${when} a new replica is taken into use`, 'yes', isKnown ? 'yes' : 'no');
}

async function etcd<T>(url: string, what: string, body: object): Promise<T> {
  const response = await fetch(`${url}/v3/${what}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd ${what}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Processes of the control planes: those of pods are visible here, the containers' first ones among them. */
async function controlPlanePids(): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('control-plane/main.ts\0--config\0/etc/holdfast/')) found.push(Number(name));
  }
  return found;
}
