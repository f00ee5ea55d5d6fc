import { parseJsonObject } from '../../proto/parse-json.ts';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SharedState, Versioned } from './shared-state.ts';

interface Stored extends Versioned {
  token: number;
}

/** Shared state of one control plane alone, without Redis: in memory, and in a file when there is one. Written as a whole and renamed, so never half. */
export async function fileSharedState(file: string | null): Promise<SharedState> {
  const values = new Map<string, Stored>(file === null ? [] : Object.entries(await load(file)));
  let saving: Promise<void> = Promise.resolve();
  const save = () =>
    (saving = saving.then(async () => {
      if (file === null) return;
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(values)));
      await rename(`${file}.new`, file);
    }));
  return {
    read: async (key) => {
      const found = values.get(key);
      return found && found.value !== undefined
        ? structuredClone({ value: found.value, revision: found.revision })
        : null;
    },
    async write(key, value, expectedRevision, token) {
      const found = values.get(key);
      const mine = token ?? found?.token ?? 0;
      if (found && mine < found.token) return 'fenced';
      const revision = found?.revision ?? 0;
      if (expectedRevision !== (found?.value === undefined ? 0 : revision)) return 'conflict';
      values.set(key, { value: structuredClone(value), revision: revision + 1, token: mine });
      await save();
      return 'ok';
    },
  };
}

async function load(file: string): Promise<Record<string, Stored>> {
  try {
    const stored = parseJsonObject(await readFile(file));
    if (!stored) throw new Error('it holds no JSON object');
    return stored as unknown as Record<string, Stored>;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return {};
    throw new Error(`${file} can't be read as state: ${(error as Error).message}. Move it away to start with none.`, {
      cause: error,
    });
  }
}
