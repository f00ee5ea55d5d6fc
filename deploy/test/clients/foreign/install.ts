import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FOREIGN_PACKAGES, type ForeignKind } from './foreign-kinds.ts';

const run = promisify(execFile);
const HERE = import.meta.dirname;
const MODULE = join(HERE, 'go');

/** How a foreign client is started, or why it can't be: `missing` names the program or package. */
export type Installed = { command: string; args: string[] } | { missing: string };

const cache = (): string => join(process.env['HOLDFAST_CACHE'] ?? join(homedir(), '.cache/holdfast'), 'clients');

function moduleDigest(): string {
  const files = ['main.go', 'go.mod', 'go.sum'].map((name) => readFileSync(join(MODULE, name)));
  return createHash('sha256').update(Buffer.concat(files)).digest('hex').slice(0, 16);
}

function placeOf(kind: ForeignKind): { folder: string; started: { command: string; args: string[] } } {
  const package_ = FOREIGN_PACKAGES[kind];
  const folder = join(cache(), package_.language === 'go' ? `go-${moduleDigest()}` : package_.requirement);
  const started =
    package_.language === 'go'
      ? { command: join(folder, 'client'), args: [] }
      : { command: join(folder, 'bin/python'), args: [join(HERE, 'client.py'), kind] };
  return { folder, started };
}

/** A client that is in the cache already; null when it is not. */
export function findForeignClient(kind: ForeignKind): { command: string; args: string[] } | null {
  const { folder, started } = placeOf(kind);
  return existsSync(join(folder, 'complete')) ? started : null;
}

/**
 * Puts a client's package into the cache outside the repository, once. Python's environments know their own path, so one is made where it stays;
 * the folder `complete` in it says that it is whole.
 */
export async function installForeignClient(kind: ForeignKind): Promise<Installed> {
  const found = findForeignClient(kind);
  if (found !== null) return found;
  const { folder, started } = placeOf(kind);
  const package_ = FOREIGN_PACKAGES[kind];
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    if (package_.language === 'go') await run('go', ['build', '-o', started.command, '.'], { cwd: MODULE });
    else {
      await run('python3', ['-m', 'venv', folder]);
      await run(started.command, [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        package_.requirement,
      ]);
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    const program = package_.language === 'go' ? 'go' : 'python3';
    return { missing: code === 'ENOENT' ? program : `${kind}: ${stderr.trim().split('\n').at(-1) ?? String(error)}` };
  }
  await mkdir(join(folder, 'complete.new'));
  await rename(join(folder, 'complete.new'), join(folder, 'complete'));
  return started;
}
