import { detach } from '../../proto/detach.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { Breakers } from './breakers.ts';
import { Fleet } from './fleet.ts';
import { Suspects, type SuspectsOptions } from './suspects.ts';

export interface SharedBreakersOptions {
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

/** The breakers of a sidecar process, counted, and shared with the fleet when there is a Redis. */
export class SharedBreakers {
  readonly breakers: Breakers;
  readonly #fleet: Fleet | null;
  readonly #suspects: Suspects;

  constructor(options: SharedBreakersOptions) {
    const { self, redis, now, isSlot, isListed, isAlive, onError, maxBreakers } = options;
    const metrics = options.metrics.breakers;
    this.breakers = new Breakers({
      permitPrefix: self,
      isListed,
      ...(maxBreakers !== undefined && { maxBreakers }),
      listener: {
        onChange: (breaker, state) => {
          metrics.transition(breaker.server, breaker.level, state.kind, 'local');
          detach(() => this.#fleet?.announce(breaker), onError);
        },
        onRejected: metrics.rejected,
        onSettled: (server, level, verdict) => {
          metrics.halfOpenPermit(server, level, verdict === 'ignore' ? 'released' : verdict);
        },
        onEvicted: metrics.evicted,
        onDoubt: (server, slot) => {
          this.#suspects.suspect(server, slot);
        },
      },
    });
    this.#suspects = new Suspects({
      isAlive,
      now,
      onError,
      onDead: (server, slot) => {
        if (isSlot(server, slot)) this.breakers.foundDead(server, slot, now());
      },
    });
    this.#fleet =
      redis &&
      new Fleet({
        redis,
        self,
        now,
        isSlot,
        isListed,
        onError,
        table: this.breakers.table,
        onAdopted: (breaker, cause) => {
          metrics.transition(breaker.server, breaker.level, breaker.gate.state.kind, cause);
        },
      });
  }

  close(): void {
    this.#fleet?.close();
  }
}
