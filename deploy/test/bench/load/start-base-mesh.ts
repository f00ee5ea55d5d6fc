import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MeshOptions } from '../../mesh/mesh-options.ts';
import type { Mesh } from '../../mesh/start-mesh.ts';
import { benchMesh } from './side-by-side.ts';

/** The mesh of another checkout, started by that checkout's own code. It knows no limits where it is older than they are. */
export async function startBaseMesh(base: string | undefined): Promise<Mesh> {
  const program = base && resolve(base, 'deploy/test/mesh/start-mesh.ts');
  if (!program || !existsSync(program))
    throw new Error('--base must name the folder of another checkout of this repository, with its packages installed');
  const { startMesh } = (await import(pathToFileURL(program).href)) as {
    startMesh: (options: MeshOptions) => Promise<Mesh>;
  };
  // The file's former name, in older checkouts, counts too.
  const knowsLimits = ['many-clients-limits', 'crowd-limits'].some((name) =>
    existsSync(resolve(base, 'deploy/test/mesh', `${name}.ts`)),
  );
  return startMesh(knowsLimits ? benchMesh() : benchMesh({}));
}
