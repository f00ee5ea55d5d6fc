import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { FleetLimits } from './fleet-limits.ts';
import { redisBuckets } from './redis-buckets.ts';

/** The fleet's limits as a sidecar needs them; without Redis those of this node alone. `onLocal`: this node decided for a server. */
export const createFleetLimits = (
  redis: RedisClient | null,
  now: () => number,
  onLocal: (server: string) => void,
): FleetLimits => new FleetLimits({ shared: redis && redisBuckets(redis), now, onLocal });
