import { detach } from '../../proto/detach.ts';
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
  onError: (error: unknown) => void,
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
  };
  const round = async () => {
    await look().catch(onError);
    if (!isOver) timer = setTimeout(() => detach(round(), onError), everyMs);
  };
  return {
    looked: round(),
    stop: () => {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
