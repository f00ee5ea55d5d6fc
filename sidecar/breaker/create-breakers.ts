import { detach } from '../../proto/detach.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Breaker } from './breaker-table.ts';
import { Breakers } from './breakers.ts';
import { Fleet } from './fleet.ts';
import { Suspects, type SuspectsOptions } from './suspects.ts';

export interface CreateBreakersOptions {
  /** Name of this process in the fleet, another one after each start. */
  self: string;
  metrics: Pick<Metrics, 'breakers'>;
  /** Null: this gateway is alone. */
  redis: RedisClient | null;
  now: () => number;
  /** Whether the slot is in the mesh now. */
  isSlot: (server: string, slot: string) => boolean;
  /** Whether the server lists this tool. */
  isListed: (server: string, tool: string) => boolean;
  /** The gateway's own check of a replica. */
  isAlive: SuspectsOptions['isAlive'];
  onError: (error: unknown) => void;
  maxBreakers?: number;
}

export interface SharedBreakers {
  breakers: Breakers;
  close(): void;
}

/** The breakers of a sidecar process, counted, and shared with the fleet when there is a Redis. */
export function createBreakers({
  self,
  metrics: { breakers: metrics },
  redis,
  now,
  isSlot,
  isListed,
  isAlive,
  onError,
  maxBreakers,
}: CreateBreakersOptions): SharedBreakers {
  let fleet: Fleet | undefined;
  const suspects = new Suspects({
    isAlive,
    now,
    onError,
    onDead: (server, slot) => {
      if (isSlot(server, slot)) breakers.foundDead(server, slot, now());
    },
  });
  const breakers = new Breakers({
    permitPrefix: self,
    isListed,
    ...(maxBreakers !== undefined && { maxBreakers }),
    listener: {
      onChange: (breaker, state) => {
        metrics.transition(breaker.server, breaker.level, state.kind, 'local');
        detach(() => fleet?.announce(breaker), onError);
      },
      onRejected: metrics.rejected,
      onSettled: (server, level, verdict) => {
        metrics.halfOpenPermit(server, level, verdict === 'ignore' ? 'released' : verdict);
      },
      onEvicted: metrics.evicted,
      onDoubt: (server, slot) => {
        suspects.suspect(server, slot);
      },
    },
  });
  if (redis) {
    fleet = new Fleet({
      redis,
      self,
      now,
      isSlot,
      isListed,
      onError,
      table: breakers.table,
      onAdopted: (breaker, cause) => {
        metrics.transition(breaker.server, breaker.level, breaker.gate.state.kind, cause);
      },
    });
  }
  metrics.source(() => readings(breakers.table.all()));
  return {
    breakers,
    close: () => {
      fleet?.close();
    },
  };
}

function* readings(all: Iterable<Breaker>) {
  for (const { server, level, key, gate } of all) yield { server, level, key, state: gate.state.kind };
}
