import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { readHeartbeats } from './heartbeat-reader.ts';

interface HeartbeatSink {
  heartbeat(text: string): void;
  /** Redis can't be read: nothing is known of who fell silent. */
  unreadable(): void;
}

/** Tells of every heartbeat in Redis, once a second. `looked`: once they were read, or could not be. */
export function watchHeartbeats(
  redis: RedisClient,
  sink: HeartbeatSink,
  afterEach: () => void,
  everyMs = 1000,
): { looked: Promise<void>; stop: () => void } {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    const found = await readHeartbeats(redis).catch(() => null);
    if (isOver) return;
    if (found === null) sink.unreadable();
    else for (const text of found) sink.heartbeat(text);
    afterEach();
    timer = setTimeout(() => void look(), everyMs);
  };
  return {
    looked: look(),
    stop: () => {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
