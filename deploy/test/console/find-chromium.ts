import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Chromium of `CHROMIUM_BIN`, else on PATH; null where there is none. Nothing is downloaded. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | null {
  const places = env['CHROMIUM_BIN']
    ? [env['CHROMIUM_BIN']]
    : (env['PATH'] ?? '')
        .split(delimiter)
        .filter(Boolean)
        .flatMap((folder) => NAMES.map((name) => join(folder, name)));
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
