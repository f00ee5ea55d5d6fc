import { availableParallelism } from 'node:os';
import { ensureEnvoy } from '../../../setup/binaries.ts';
import { runCommand } from '../../../setup/run-command.ts';
import { freePort } from '../../mesh/free-port.ts';
import { startEnvoy } from '../../mesh/start-envoy.ts';
import { plainEnvoy } from '../load/plain-envoy.ts';
import type { Peer, RunningPeer, Stage } from './peer.ts';

const WITHOUT_GUARD = '-steady';
/** Name of the server that has the same program as `server`, and no guard. */
export const steadyTwin = (server: string): string => `${server}${WITHOUT_GUARD}`;

const pid = (process: { pid: number | undefined }): number[] => (process.pid === undefined ? [] : [process.pid]);

/** Envoy's version without the hash of its build. */
async function envoyVersion(): Promise<string> {
  const printed = await runCommand(await ensureEnvoy(), ['--version'], 10_000);
  return (printed.kind === 'done' && /\/(\d+\.\d+\.\d+)/.exec(printed.stdout)?.[1]) || 'unknown';
}

/** An Envoy over the replicas of a stage's server. */
export async function startPlainEnvoy(
  { mesh, server }: Omit<Stage, 'envelope'>,
  affinity: 'none' | 'envelope',
): Promise<RunningPeer> {
  const replicas = mesh.replicasOf(server),
    port = await freePort();
  const ports = replicas.map(({ address }) => Number(address.split(':')[1]));
  const name = `${affinity}-${server}`,
    concurrency = availableParallelism();
  const envoy = await startEnvoy({ config: plainEnvoy(port, ports, affinity), name, concurrency });
  return { port, path: '/mcp', pids: () => pid(envoy.process), replicas, close: () => envoy.close() };
}

const throughMesh = (stage: Stage, server: string): RunningPeer => {
  const [gateway] = stage.mesh.gateways;
  if (gateway === undefined) throw new Error('the mesh has no gateway');
  return {
    port: Number(new URL(gateway.url).port),
    path: `/mcp/${server}`,
    pids: () => [gateway.envoy.process, ...gateway.sidecars.map(({ process }) => process)].flatMap(pid),
    replicas: stage.mesh.replicasOf(server),
    close: async () => {},
  };
};

export const ENVELOPE = 'Envoy, envelope';
export const GUARDED = 'Holdfast, guarded';
export const STEADY = 'Holdfast, steady';

/** What is always there: Envoy alone, Envoy with its own affinity, and Holdfast with and without its guard. */
export async function ownPeers(holdfast: string): Promise<Peer[]> {
  const envoy = await envoyVersion();
  const plain = (name: string, affinity: 'none' | 'envelope', configuration: string): Peer => ({
    name,
    version: envoy,
    configuration,
    // Replicas that take any session's calls are there for the one that keeps no session on its replica.
    start: ({ mesh, server }) =>
      startPlainEnvoy({ mesh, server: affinity === 'none' ? steadyTwin(server) : server }, affinity),
  });
  return [
    plain('Envoy, bare', 'none', 'Least requests, and no affinity: what a request costs at least.'),
    plain(ENVELOPE, 'envelope', 'The filter stateful_session puts the replica’s address into the session id.'),
    {
      name: STEADY,
      version: holdfast,
      configuration: 'guard: off. One gateway, Redis, one control plane; the rest as by default.',
      start: async (stage) => throughMesh(stage, steadyTwin(stage.server)),
    },
    {
      name: GUARDED,
      version: holdfast,
      configuration: 'As by default. One gateway, Redis, one control plane.',
      start: async (stage) => throughMesh(stage, stage.server),
    },
  ];
}
