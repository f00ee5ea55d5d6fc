import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { InternalErrors } from '../../proto/internal-errors.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import type { GatewayRegistry } from '../membership/gateway-registry.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import type { XdsServer } from '../xds/xds-server.ts';
import { followXds } from './follow-xds.ts';
import { watchHeartbeats } from './heartbeat-watch.ts';
import { hasLooked, type Source, type SourceEvents } from './source.ts';

export interface GatewaySourceOptions {
  /** Who belongs to the mesh. */
  membership: GatewayRegistry;
  /** Nodes that connect to it are there as long as they are connected. */
  xds: XdsServer;
  /** Null with SESSION_STORE=memory: nobody leaves a heartbeat. */
  redis: RedisClient | null;
  errors: InternalErrors;
  log: Logger;
}

type Part = Pick<TopologyInputs, 'gateways' | 'trustDomain'>;

/** The gateway nodes that are there, by their xDS streams and by their heartbeats in Redis. */
export class GatewaySource extends EventEmitter<SourceEvents> implements Source<Part> {
  readonly #membership: GatewayRegistry;
  readonly #heartbeats: ReturnType<typeof watchHeartbeats> | null;
  readonly #hasLooked: () => boolean;

  constructor({ membership, xds, redis, errors, log }: GatewaySourceOptions) {
    super();
    this.#membership = membership;
    const changed = (): void => {
      this.emit('change');
    };
    followXds(xds, { gateways: membership, log, onChange: changed });
    this.#heartbeats =
      redis && watchHeartbeats(redis, membership, changed, (error) => errors.report('heartbeats', error));
    this.#hasLooked = hasLooked(this.#heartbeats?.looked ?? Promise.resolve(), changed);
  }

  part(): Part | null {
    const { trustDomain } = this.#membership;
    return this.#hasLooked() ? { gateways: this.#membership.nodes(), trustDomain } : null;
  }

  stop(): void {
    this.#heartbeats?.stop();
  }
}
