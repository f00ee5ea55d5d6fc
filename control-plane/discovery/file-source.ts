import { watch, type FSWatcher } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileProblem } from '../../proto/file-problem.ts';
import type { FileDiscovery } from '../config/backend-schema.ts';
import { parseReplicaList } from './replica-list.ts';
import type { Source, SourceSink } from './source.ts';

/** How often the file is read anyway: file systems over a network and swapped symbolic links may tell no watcher. */
const POLL_MS = 2000;
/**
 * A file that is written in place is empty for a moment, and then half there. So it is read when it was left alone for
 * this long. Renaming a new one into place is safe at any time.
 */
const SETTLE_MS = 50;
const MAX_BYTES = 16 << 20;

/** Follows a file. Its directory is watched, not the file: editors and ConfigMaps replace it by a new one. */
export function startFileSource({ path }: FileDiscovery, sink: SourceSink): Source {
  let last: string | null = null;
  let reading: Promise<void> = Promise.resolve();
  let isStopped = false;
  const look = () => {
    reading = reading.then(read);
  };
  let settling: NodeJS.Timeout | undefined;
  const soon = () => {
    clearTimeout(settling);
    settling = setTimeout(look, SETTLE_MS);
  };
  const read = async () => {
    if (isStopped) return;
    try {
      const { size } = await stat(path);
      if (size > MAX_BYTES) {
        last = null;
        sink.problem(`${path}: larger than ${MAX_BYTES} bytes`);
        return;
      }
      const text = await readFile(path, 'utf8');
      if (isStopped || text === last) return;
      last = text;
      const parsed = parseReplicaList(text);
      if ('problem' in parsed) sink.problem(`${path}: ${parsed.problem}`);
      else sink.replicas(parsed.replicas);
    } catch (error) {
      last = null;
      if (!isStopped) sink.problem(`${path}: ${fileProblem(error)}`);
    }
  };
  const watcher = watchDirectory(dirname(path), soon);
  const timer = setInterval(look, POLL_MS);
  look();
  return {
    async stop() {
      isStopped = true;
      clearInterval(timer);
      clearTimeout(settling);
      watcher?.close();
      await reading;
    },
  };
}

/** undefined where it can't be watched; polling is left. */
function watchDirectory(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, onChange);
    watcher.on('error', () => {
      watcher.close();
    });
    return watcher;
  } catch {
    return undefined;
  }
}
