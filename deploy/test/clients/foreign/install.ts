import { join } from 'node:path';
import { findPackage, installPackage } from '../../packages/install-package.ts';
import { FOREIGN_PACKAGES, type ForeignKind } from './foreign-kinds.ts';

/** How a foreign client is started. */
export interface StartedAs {
  command: string;
  args: string[];
}

const startedAs = (kind: ForeignKind, folder: string): StartedAs =>
  FOREIGN_PACKAGES[kind].language === 'go'
    ? { command: join(folder, 'program'), args: [] }
    : { command: join(folder, 'bin/python'), args: [join(import.meta.dirname, 'client.py'), kind] };

/** A client that is in the cache already; null when it is not. */
export function findForeignClient(kind: ForeignKind): StartedAs | null {
  const folder = findPackage(FOREIGN_PACKAGES[kind]);
  return folder === null ? null : startedAs(kind, folder);
}

/** Installs a client's package once; `missing` names the program or package that this machine lacks. */
export async function installForeignClient(kind: ForeignKind): Promise<StartedAs | { missing: string }> {
  const installed = await installPackage(FOREIGN_PACKAGES[kind]);
  return 'missing' in installed ? installed : startedAs(kind, installed.folder);
}
