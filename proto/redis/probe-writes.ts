import { REDIS } from '../wire.ts';
import type { RedisClient } from './redis-client.ts';

/** A probe's key frees itself after this time. */
const PROBE_MS = 60_000;

/** Writes a small key, because a Redis that is full, read-only or out of order still answers PING. Rejects with what Redis said. */
export async function probeWrites(client: Pick<RedisClient, 'set'>, nodeId: string): Promise<void> {
  await client.set(REDIS.probe(nodeId), '1', 'PX', PROBE_MS);
}
