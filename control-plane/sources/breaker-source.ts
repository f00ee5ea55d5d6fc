import { EventEmitter } from 'node:events';
import type { InternalErrors } from '../../proto/internal-errors.ts';
import { anotherConnection, type RedisClient } from '../../proto/redis/redis-client.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import { BreakerWatch } from './breaker-watch.ts';
import type { ConfigSource } from './config-source.ts';
import { hasLooked, type Source, type SourceEvents } from './source.ts';

export interface BreakerSourceOptions {
  config: Pick<ConfigSource, 'current'>;
  /** Null with SESSION_STORE=memory: gateways share no breakers then. */
  redis: RedisClient | null;
  errors: InternalErrors;
}

type Part = Pick<TopologyInputs, 'openBreakers'>;

/** The fleet's breakers that are not closed, as the gateways keep them in Redis. */
export class BreakerSource extends EventEmitter<SourceEvents> implements Source<Part> {
  readonly #watch: BreakerWatch | null;
  readonly #hasLooked: () => boolean;

  constructor({ config, redis, errors }: BreakerSourceOptions) {
    super();
    const onChange = (): void => {
      this.emit('change');
    };
    this.#watch =
      redis &&
      new BreakerWatch({
        redis,
        subscriber: anotherConnection(redis),
        servers: () => config.current.servers.map(({ name }) => name),
        onChange,
        errors,
      });
    this.#hasLooked = hasLooked(this.#watch?.looked ?? Promise.resolve(), onChange);
  }

  part(): Part | null {
    return this.#hasLooked() ? { openBreakers: this.#watch?.current() ?? [] } : null;
  }

  stop(): void {
    this.#watch?.stop();
  }
}
