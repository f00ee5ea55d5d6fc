import { createHash } from 'node:crypto';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { REDIS } from '../../proto/wire.ts';
import { ScriptRunner } from '../session/redis-script-runner.ts';
import type { Bucket, Taken } from './buckets-of.ts';

/**
 * Takes from all buckets or from none, by the clock of Redis. KEYS: the buckets. ARGV: requests, ms, burst and count of each. Returns 0, or the place of
 * the bucket that is short and the ms until it has enough. A bucket that would be full again is gone by itself.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local levels = {}
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4
  local rate = tonumber(ARGV[at + 1]) / tonumber(ARGV[at + 2])
  local burst, count = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local was = redis.call('HMGET', key, 'tokens', 'at')
  local tokens = burst
  if was[1] and was[2] then
    local since = now - tonumber(was[2])
    -- The clock was set back: the bucket fills from now on.
    if since < 0 then redis.call('HSET', key, 'at', now) end
    tokens = math.min(burst, tonumber(was[1]) + math.max(0, since) * rate)
  end
  if tokens < count then return {i, math.ceil((count - tokens) / rate)} end
  levels[i] = {tokens - count, math.ceil((burst - tokens + count) / rate)}
end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'tokens', tostring(levels[i][1]), 'at', now)
  redis.call('PEXPIRE', key, levels[i][2] + 1000)
end
return {0, 0}`;

/** The fleet's buckets; throws StoreError when Redis can't be asked. */
export interface SharedBuckets {
  take(server: string, buckets: readonly Bucket[]): Promise<Taken>;
}

/** The one file of this folder that speaks to Redis. The client stays the caller's. */
export function redisBuckets(client: RedisClient): SharedBuckets {
  const scripts = new ScriptRunner(client);
  return {
    async take(server, buckets) {
      const keys = buckets.map(({ limit, key }) => REDIS.rate(server, limit, digestOf(key))),
        args = buckets.flatMap(({ requests, perMs, burst, count }) => [requests, perMs, burst, count]),
        [place = 0, retryAfterMs = 0] = (await scripts.run(TAKE, keys, args)) as [number?, number?],
        short = buckets[place - 1];
      return short ? { is: 'refused', limit: short.limit, retryAfterMs } : { is: 'taken' };
    },
  };
}

/** Names of tools and addresses have any length, and are nobody's business in Redis. */
const digestOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 32);
