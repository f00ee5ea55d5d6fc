import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Where inputs of failures are kept, by surface. */
export const MESH_CORPUS = new URL('../corpus/mesh/', import.meta.url);

/** Inputs of earlier failures on one surface. */
export function meshCorpus(surface: string): Buffer[] {
  const folder = new URL(`${surface}/`, MESH_CORPUS);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(new URL(file, folder)));
}
