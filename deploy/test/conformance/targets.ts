import { startProcess } from '../clients/start-process.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { startAlternatingFront } from './alternating-front.ts';
import type { SpecVersion } from './suite.ts';

export type Guard = 'on' | 'off';

/** Up to 2025-11-25 on SDK v1, 2026-07-28 on SDK v2. */
const isModern = (version: SpecVersion): boolean => version >= '2026';
const fixtureArgs = (sdk: 'v1' | 'v2'): string[] => [
  '--sdk',
  sdk,
  '--localhost-only',
  ...(sdk === 'v1' ? ['--resumable'] : []),
];

export interface Direct extends AsyncDisposable {
  url(version: SpecVersion): string;
}

/** One fixture of each SDK line that a version needs, without the mesh. */
export async function startDirect(versions: readonly SpecVersion[]): Promise<Direct> {
  const lines = [...new Set(versions.map((version) => (isModern(version) ? 'v2' : 'v1') as 'v1' | 'v2'))];
  const servers = new Map(
    await Promise.all(lines.map(async (sdk) => [sdk, await startProcess('fixture', fixtureArgs(sdk))] as const)),
  );
  return {
    url: (version) => servers.get(isModern(version) ? 'v2' : 'v1')!.url,
    async [Symbol.asyncDispose]() {
      await Promise.all([...servers.values()].map((server) => server.kill()));
    },
  };
}

export interface ThroughMesh extends AsyncDisposable {
  url(version: SpecVersion): string;
  mesh: Mesh;
  /** Kills the next replica of the version's server in turn; the one killed before is back first. */
  killNext(version: SpecVersion): Promise<void>;
}

/** Three replicas of each fixture behind two gateways; each request enters by the other gateway. */
export async function startThroughMesh(versions: readonly SpecVersion[], guard: Guard): Promise<ThroughMesh> {
  const settings = guard === 'off' ? { guard: [] } : {};
  const program = 'deploy/test/servers/fixture/main.ts';
  const servers = {
    ...(versions.some((version) => !isModern(version))
      ? { 'fixture-v1': { replicas: 3, program, args: fixtureArgs('v1'), settings } }
      : {}),
    ...(versions.some(isModern) ? { 'fixture-v2': { replicas: 3, program, args: fixtureArgs('v2'), settings } } : {}),
  };
  const mesh = await startMesh({ gateways: 2, servers });
  const front = await startAlternatingFront(mesh.gateways.map(({ url }) => url));
  const serverOf = (version: SpecVersion): string => (isModern(version) ? 'fixture-v2' : 'fixture-v1');
  let turn = 0;
  return {
    mesh,
    url: (version) => `${front.origin}/mcp/${serverOf(version)}`,
    async killNext(version) {
      const replicas = mesh.replicasOf(serverOf(version));
      for (const { process } of replicas) if (!process.isRunning) await process.start();
      await mesh.settled(replicas);
      await replicas[turn++ % replicas.length]!.process.kill();
    },
    async [Symbol.asyncDispose]() {
      await front.close();
      await mesh.close();
    },
  };
}
