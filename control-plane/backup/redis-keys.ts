import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { BackupEntry } from './archive.ts';

const PATTERN = 'holdfast:*';
/** Of the moment only: who leads, who lives, who holds a lock. Restoring them would be a lie. */
const FLEETING = /^holdfast:(leader$|gateway:|\{[^}]*\}:lock:|restoring:)/;
const BATCH = 500;

/** The value of one reply of a pipeline; its error is thrown. */
function replyValue(reply: readonly [Error | null, unknown] | undefined): unknown {
  const [error, value] = reply ?? [new Error('Redis did not answer'), null];
  if (error) throw error;
  return value;
}

/** Every key of the mesh, as Redis serializes it. Keys that vanish meanwhile are left out. */
export async function dumpKeys(redis: Redis): Promise<BackupEntry[]> {
  const entries = new Map<string, BackupEntry>();
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', PATTERN, 'COUNT', BATCH);
    cursor = next;
    const wanted = keys.filter((key) => !FLEETING.test(key) && !entries.has(key));
    const pipeline = redis.pipeline();
    for (const key of wanted) pipeline.callBuffer('DUMP', key).pttl(key);
    const replies = (await pipeline.exec()) ?? [];
    for (const [index, key] of wanted.entries()) {
      const dump = replyValue(replies[2 * index]),
        ttl = replyValue(replies[2 * index + 1]);
      if (!Buffer.isBuffer(dump)) continue;
      entries.set(key, { key, ttlMs: typeof ttl === 'number' && ttl >= 0 ? ttl : null, dump });
    }
  } while (cursor !== '0');
  return [...entries.values()];
}

/**
 * Puts the entries in the place of every key of the mesh, all or nothing. Each is first restored under another name.
 * When Redis took every one, one transaction moves them into place.
 * @param ageMs age of the backup: what has expired since is left out, and the rest keeps its time.
 * @returns number of keys restored.
 * @throws when Redis refuses one; then nothing has changed.
 */
export async function restoreKeys(redis: Redis, all: readonly BackupEntry[], ageMs = 0): Promise<number> {
  const entries = all
    .filter(({ ttlMs }) => ttlMs === null || ttlMs > ageMs)
    .map((entry) => ({ ...entry, ttlMs: entry.ttlMs === null ? null : entry.ttlMs - ageMs }));
  const staging = `holdfast:restoring:${randomUUID()}:`;
  const staged: string[] = [];
  try {
    for (let at = 0; at < entries.length; at += BATCH) {
      const some = entries.slice(at, at + BATCH);
      staged.push(...some.map(({ key }) => staging + key));
      await stage(redis, staging, some);
    }
    const old = (await keysOf(redis)).filter((key) => !FLEETING.test(key));
    const move = redis.multi();
    for (const key of old) move.unlink(key);
    for (const { key, ttlMs } of entries) {
      move.rename(staging + key, key);
      if (ttlMs === null) move.persist(key);
      else move.pexpire(key, Math.max(1, ttlMs));
    }
    throwFirst(await move.exec());
    return entries.length;
  } catch (error) {
    for (let at = 0; at < staged.length; at += BATCH)
      await redis.unlink(...staged.slice(at, at + BATCH)).catch(() => 0);
    throw error;
  }
}

/** Restores the entries under names that nobody reads yet. */
async function stage(redis: Redis, prefix: string, entries: readonly BackupEntry[]): Promise<void> {
  const pipeline = redis.pipeline();
  // Long enough to be moved; the entry's own time to live is set with the move.
  for (const { key, ttlMs, dump } of entries) pipeline.restore(prefix + key, Math.max(ttlMs ?? 0, 0) + 600_000, dump);
  throwFirst(await pipeline.exec());
}

/** Throws the first error among the answers to a pipeline. */
function throwFirst(answers: Array<[error: Error | null, result: unknown]> | null): void {
  for (const [error] of answers ?? []) if (error) throw error;
}

async function keysOf(redis: Redis): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, some] = await redis.scan(cursor, 'MATCH', PATTERN, 'COUNT', BATCH);
    cursor = next;
    for (const key of some) keys.add(key);
  } while (cursor !== '0');
  return [...keys];
}
