import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { readHeartbeats } from './heartbeat-reader.ts';

/** Tells of every heartbeat in Redis, once a second. While Redis is away nothing is told: nodes with a stream here are known all the same. */
export function watchHeartbeats(redis: RedisClient, onHeartbeat: (text: string) => void, afterEach: () => void, everyMs = 1000): () => void {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    const found = await readHeartbeats(redis).catch((): string[] => []);
    if (isOver) return;
    found.forEach(onHeartbeat);
    afterEach();
    timer = setTimeout(() => void look(), everyMs);
  };
  void look();
  return () => { isOver = true; clearTimeout(timer); };
}
