import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Where `holdfast` looks for a mesh that runs from this folder (control-plane/cli/settings.ts). */
const FILE = '.holdfast/local.json';

/** Tells `holdfast` in this folder where the mesh's control plane is. Returns what takes that back, unless another mesh has told its own meanwhile. */
export async function writeLocalRunFile(adminUrl: string, file = FILE): Promise<() => Promise<void>> {
  const text = JSON.stringify({ adminUrl, pid: process.pid });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return async () => {
    if ((await readFile(file, 'utf8').catch(() => '')) === text) await rm(file, { force: true });
  };
}
