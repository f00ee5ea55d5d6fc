import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readArchive, writeArchive, type BackupEntry, type ReadBackup } from './archive.ts';

export interface BackupFile {
  name: string;
  path: string;
  bytes: number;
  createdAt: string;
  keys: number | null;
  state: 'ok' | 'damaged' | 'newer';
  why: string | null;
}

const NAME = /^holdfast-\d{8}T\d{6}Z(-\d+)?\.backup$/;

/** Writes an archive under the name of its moment; it appears whole or not at all. */
export async function storeBackup(
  folder: string,
  entries: readonly BackupEntry[],
  from: { createdAt: Date; node: string },
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const stamp = from.createdAt.toISOString().replace(/[-:]|\.\d+/g, '');
  const taken = new Set(await readdir(folder));
  let name = `holdfast-${stamp}.backup`;
  for (let copy = 2; taken.has(name); copy++) name = `holdfast-${stamp}-${copy}.backup`;
  const path = join(folder, name);
  await writeFile(`${path}.partial`, writeArchive(entries, from), { mode: 0o600 });
  await rename(`${path}.partial`, path);
  return path;
}

/** Newest first, each verified. */
export async function listBackups(folder: string): Promise<BackupFile[]> {
  const names = (await readdir(folder).catch(() => [] as string[]))
    .filter((name) => NAME.test(name))
    .sort()
    .reverse();
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const read = await verifyBackup(path);
      const { size, mtime } = await stat(path);
      return {
        name,
        path,
        bytes: size,
        createdAt: read.kind === 'ok' ? read.backup.header.createdAt : mtime.toISOString(),
        keys: read.kind === 'ok' ? read.backup.header.keys : null,
        state: read.kind,
        why: read.kind === 'ok' ? null : read.why,
      };
    }),
  );
}

export const verifyBackup = async (path: string): Promise<ReadBackup> => readArchive(await readFile(path));

/** Keeps the newest `keep` archives; damaged ones don't count as kept, and are left for a look. Returns the names removed. */
export async function pruneBackups(folder: string, keep: number): Promise<string[]> {
  const removed = (await listBackups(folder)).filter(({ state }) => state === 'ok').slice(keep);
  for (const { path } of removed) await rm(path);
  return removed.map(({ name }) => name);
}
