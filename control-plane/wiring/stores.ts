import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { connectRedis, whenReady } from '../../proto/redis/redis-client.ts';
import type { Config } from '../config/config-schema.ts';
import type { EventLog } from '../events/event.ts';
import { memoryEventLog } from '../events/memory-event-log.ts';
import { redisEventLog } from '../events/redis-event-log.ts';
import { fileSharedState } from '../lease/file-shared-state.ts';
import { soleLease, type Lease } from '../lease/lease.ts';
import { RedisLease } from '../lease/redis-lease.ts';
import { redisSharedState } from '../lease/redis-shared-state.ts';
import type { SharedState } from '../lease/shared-state.ts';
import { openFileSlotStore } from '../slots/file-slot-store.ts';
import { redisSlotStore } from '../slots/redis-slot-store.ts';
import type { SlotStore } from '../slots/slot-store.ts';

/** Everything that outlives this process. */
export interface Stores {
  /** null with SESSION_STORE=memory. */
  redis: RedisClient | null;
  slots: SlotStore;
  state: SharedState;
  events: EventLog;
  lease: Lease;
  /** Calls `listener` whenever this process begins to lead, or ends. */
  onLeader: (listener: (isLeader: boolean) => void) => void;
  close: () => Promise<void>;
}

interface StoreOptions {
  config: Config;
  stateDir: string | null;
  /** Unique to this process. */
  id: string;
  now: () => number;
  log: Pick<Logger, 'debug'>;
  onError: (error: unknown) => void;
}

/** The kept versions of a configuration are one value: a hundred of them, each with thousands of servers. */
const MAX_REPLY_BYTES = 64 << 20;
/** Long enough for a Redis that starts with us; without one the control plane still serves. */
const REDIS_WAIT_MS = 2000;

export async function openStores({ config, stateDir, id, now, log, onError }: StoreOptions): Promise<Stores> {
  if (config.sessionStore.type === 'memory') {
    const inDir = (name: string) => (stateDir === null ? null : join(stateDir, name));
    return {
      redis: null,
      slots: await openFileSlotStore(inDir('slots.json'), now),
      state: await fileSharedState(inDir('state.json')),
      events: memoryEventLog(now),
      lease: soleLease(id),
      onLeader: () => {},
      close: async () => {},
    };
  }
  const redis = connectRedis(config.sessionStore.url, {
    name: `holdfast-control-plane-${id}`,
    maxReplyBytes: MAX_REPLY_BYTES,
    onError: (error) => log.debug({ error: error.message }, 'redis connection'),
  });
  await whenReady(redis, REDIS_WAIT_MS);
  const leadership = new EventEmitter<{ change: [isLeader: boolean] }>();
  const lease = new RedisLease({
    redis,
    id,
    leaseMs: config.controlPlane.leaseMs,
    onChange: (isLeader) => leadership.emit('change', isLeader),
    onError,
  });
  const events = redisEventLog(redis, now);
  return {
    redis,
    slots: redisSlotStore(redis, now),
    state: redisSharedState(redis),
    events,
    lease,
    onLeader: (listener) => leadership.on('change', listener),
    async close() {
      await lease.stop().catch(() => {});
      await events.stop().catch(() => {});
      redis.disconnect();
    },
  };
}
