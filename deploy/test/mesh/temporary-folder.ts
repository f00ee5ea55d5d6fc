import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reaper } from './reaper.ts';

export interface TemporaryFolder {
  path: string;
  remove(): Promise<void>;
}

/** A folder of our own below the system's temporary one; removed by `remove`, or by the reaper when this process ends without. */
export async function temporaryFolder(prefix = 'holdfast-'): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  reaper.addFolder(path);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
      reaper.dropFolder(path);
    },
  };
}
