import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The program that the environment variable `named` says, else the first of `names` on PATH; null where there is none. Nothing is downloaded. */
export function findProgram(named: string, names: readonly string[], env: NodeJS.ProcessEnv): string | null {
  const places = env[named]
    ? [env[named]]
    : (env['PATH'] ?? '')
        .split(delimiter)
        .filter(Boolean)
        .flatMap((folder) => names.map((name) => join(folder, name)));
  return places.find(isExecutable) ?? null;
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
