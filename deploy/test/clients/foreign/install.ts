import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FOREIGN_PACKAGES, type ForeignKind } from './foreign-kinds.ts';
import { cached, fillOnce, installPythonPackage, isComplete } from './python-package.ts';

const run = promisify(execFile);
const HERE = import.meta.dirname;
const MODULE = join(HERE, 'go');

/** How a foreign client is started, or why it can't be: `missing` names the program or package. */
export type Installed = { command: string; args: string[] } | { missing: string };

function moduleDigest(): string {
  const files = ['main.go', 'go.mod', 'go.sum'].map((name) => readFileSync(join(MODULE, name)));
  return createHash('sha256').update(Buffer.concat(files)).digest('hex').slice(0, 16);
}

function placeOf(kind: ForeignKind): { folder: string; started: { command: string; args: string[] } } {
  const package_ = FOREIGN_PACKAGES[kind];
  const folder = cached(package_.language === 'go' ? `go-${moduleDigest()}` : package_.requirement);
  const started =
    package_.language === 'go'
      ? { command: join(folder, 'client'), args: [] }
      : { command: join(folder, 'bin/python'), args: [join(HERE, 'client.py'), kind] };
  return { folder, started };
}

/** A client that is in the cache already; null when it is not. */
export function findForeignClient(kind: ForeignKind): { command: string; args: string[] } | null {
  const { folder, started } = placeOf(kind);
  return isComplete(folder) ? started : null;
}

/** Puts a client's package into the cache outside the repository, once. */
export async function installForeignClient(kind: ForeignKind): Promise<Installed> {
  const { folder, started } = placeOf(kind);
  const package_ = FOREIGN_PACKAGES[kind];
  const why =
    package_.language === 'go'
      ? await fillOnce(folder, 'go', () => run('go', ['build', '-o', started.command, '.'], { cwd: MODULE }))
      : await installPythonPackage(package_.requirement);
  if (why === undefined) return started;
  return { missing: ['go', 'python3'].includes(why) ? why : `${kind}: ${why}` };
}
