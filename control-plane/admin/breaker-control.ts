import * as z from 'zod';
import {
  breakerField,
  breakerOrderWrite,
  readBreakers,
  type BreakerKey,
  type BreakerOrder,
  type BreakerReport,
} from '../../proto/breaker-state.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { CHANNEL, REDIS } from '../../proto/wire.ts';

/** What an operator may order; `reset` ends an order and closes the breaker. */
export const breakerCommandSchema = z.enum(['force-open', 'disable', 'observe', 'reset']);
export type BreakerCommand = z.infer<typeof breakerCommandSchema>;

/** Breakers of the whole fleet. */
export interface BreakerControl {
  list(servers: readonly string[]): Promise<BreakerReport[]>;
  order(server: string, key: BreakerKey, command: BreakerCommand, by: string): Promise<void>;
}

const STATE: Record<Exclude<BreakerCommand, 'reset'>, BreakerOrder['state']> = {
  'force-open': 'forced-open',
  disable: 'disabled',
  observe: 'observe',
};

export function redisBreakerControl(redis: RedisClient, now: () => number): BreakerControl {
  return {
    async list(servers) {
      const hashes = await Promise.all(
        servers.map(async (server) => readBreakers(server, await redis.hgetall(REDIS.breaker(server)))),
      );
      return hashes.flat();
    },
    async order(server, key, command, by) {
      const order = command === 'reset' ? null : { state: STATE[command], by, atMs: now() };
      const { hash, field, value, channel, message } = breakerOrderWrite(server, key, order);
      if (value !== null) await redis.hset(hash, field, value);
      else {
        await redis.hdel(hash, field, breakerField(key));
        await redis.publish(CHANNEL.breakers, JSON.stringify({ server, field: breakerField(key), value: null }));
      }
      await redis.publish(channel, message);
    },
  };
}
