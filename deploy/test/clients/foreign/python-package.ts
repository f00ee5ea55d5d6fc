import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Folder of a client or package in the cache outside the repository. */
export const cached = (name: string): string =>
  join(process.env['HOLDFAST_CACHE'] ?? join(homedir(), '.cache/holdfast'), 'clients', name);

export const isComplete = (folder: string): boolean => existsSync(join(folder, 'complete'));

/**
 * Fills a folder of the cache once, where it stays: Python's environments know their own path. The folder `complete` in it says that it is whole.
 * Undefined when it worked, else why not; `program`: what has to be on PATH for it.
 */
export async function fillOnce(
  folder: string,
  program: string,
  fill: () => Promise<unknown>,
): Promise<string | undefined> {
  if (isComplete(folder)) return undefined;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    await fill();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    return code === 'ENOENT' ? program : (stderr.trim().split('\n').at(-1) ?? String(error));
  }
  await mkdir(join(folder, 'complete.new'));
  await rename(join(folder, 'complete.new'), join(folder, 'complete'));
  return undefined;
}

/** Installs `NAME==VERSION` into an environment of its own. */
export const installPythonPackage = (requirement: string): Promise<string | undefined> => {
  const folder = cached(requirement);
  return fillOnce(folder, 'python3', async () => {
    await run('python3', ['-m', 'venv', folder]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement];
    await run(join(folder, 'bin/python'), pip);
  });
};
