import { parseJsonObject } from '../../proto/parse-json.ts';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replicaKey } from '../topology/inputs.ts';
import { LayeredMap } from './layered-map.ts';
import type { SlotStore } from './slot-store.ts';
import {
  adopt,
  allot,
  emptyTable,
  newIncarnation,
  release,
  retire,
  type Incarnation,
  type LostIncarnation,
  type SlotTable,
} from './slot-table.ts';

interface Stored {
  format: 1;
  next: number;
  /** The file's word for incarnations: an older version reads it. */
  lives: Incarnation[];
  lost: LostIncarnation[];
}

/**
 * Slots in a file, for one control plane without Redis; `path` null keeps them in memory only. A change is in the file before it is told.
 * A damaged file is an error: guessing would give slots a second incarnation.
 */
export async function openFileSlotStore(path: string | null, now: () => number): Promise<SlotStore> {
  let table = path === null ? emptyTable(now()) : await readTable(path, now());
  let revision = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** One change after another, each written before the next one begins. */
  const change = <T>(act: (before: SlotTable) => { table: SlotTable; result: T }): Promise<T> => {
    const turn = last.then(async () => {
      const { table: after, result } = act(table);
      if (after !== table) {
        if (path !== null) await writeTable(path, after);
        table = after;
        revision++;
      }
      return result;
    });
    last = turn.catch(() => {});
    return turn;
  };
  const incarnationOf = ({ table: after, incarnation }: { table: SlotTable; incarnation: Incarnation }) => ({
    table: after,
    result: incarnation,
  });
  return {
    read: async () => {
      await last;
      return table;
    },
    revision: async () => {
      await last;
      return revision;
    },
    allot: (server, address) => change((before) => incarnationOf(allot(before, server, address, now()))),
    newIncarnation: (server, address, slot) =>
      change((before) => incarnationOf(newIncarnation(before, server, address, slot, now()))),
    retire: (server, address, slot) =>
      change((before) => ({ table: retire(before, server, address, slot, now()), result: undefined })),
    adopt: (incarnation) => change((before) => ({ table: adopt(before, incarnation, now()), result: undefined })),
    release: (slots) => change((before) => ({ table: release(before, slots), result: undefined })),
  };
}

async function readTable(path: string, nowMs: number): Promise<SlotTable> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return emptyTable(nowMs);
    throw error;
  }
  try {
    const stored = parseJsonObject(text);
    if (!stored) throw new Error('it holds no JSON object');
    const { format, next, lives: incarnations, lost } = stored as unknown as Stored;
    if (format !== 1) throw new Error(`it has format ${JSON.stringify(format)}, this version reads 1`);
    return {
      next,
      incarnations: LayeredMap.of(
        incarnations.map((incarnation) => [replicaKey(incarnation.server, incarnation.address), incarnation]),
      ),
      lost: LayeredMap.of(lost.map((incarnation) => [incarnation.slot, incarnation])),
    };
  } catch (error) {
    throw new Error(
      `${path} does not hold slots: ${(error as Error).message}. Restore it, or remove it to begin anew: sessions on the former slots are then rebuilt where they are known, else ended`,
      { cause: error },
    );
  }
}

async function writeTable(path: string, { next, incarnations, lost }: SlotTable): Promise<void> {
  const stored: Stored = { format: 1, next, lives: [...incarnations.values()], lost: [...lost.values()] };
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(stored), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
