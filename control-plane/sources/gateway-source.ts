import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { InternalErrors } from '../../proto/internal-errors.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import type { GatewayRegistry } from '../membership/gateway-registry.ts';
import { openMembership } from '../membership/open-membership.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import type { XdsServer } from '../xds/xds-server.ts';
import type { ConfigSource } from './config-source.ts';
import { followXds } from './follow-xds.ts';
import { watchHeartbeats } from './heartbeat-watch.ts';
import { hasLooked, type Source, type SourceEvents } from './source.ts';

export interface GatewaySourceOptions {
  config: Pick<ConfigSource, 'current'>;
  /** Null with SESSION_STORE=memory: nobody leaves a heartbeat. */
  redis: RedisClient | null;
  registry: Registry;
  errors: InternalErrors;
  log: Logger;
  now: () => number;
}

type Part = Pick<TopologyInputs, 'gateways' | 'trustDomain'>;

/**
 * The gateway nodes that are there, by their xDS streams and by their heartbeats in Redis.
 * @throws CertificateError when this control plane's own certificate does not name a control plane.
 */
export class GatewaySource extends EventEmitter<SourceEvents> implements Source<Part> {
  readonly registry: GatewayRegistry;
  readonly #log: Logger;
  readonly #heartbeats: ReturnType<typeof watchHeartbeats> | null;
  readonly #hasLooked: () => boolean;

  constructor({ config, redis, registry, errors, log, now }: GatewaySourceOptions) {
    super();
    this.#log = log;
    const { tls } = config.current.controlPlane;
    this.registry = openMembership({ tls, goneAfterMs: () => config.current.ha.failoverTimeoutMs, registry, log, now });
    const changed = (): void => {
      this.emit('change');
    };
    this.#heartbeats =
      redis && watchHeartbeats(redis, this.registry, changed, (error) => errors.report('heartbeats', error));
    this.#hasLooked = hasLooked(this.#heartbeats?.looked ?? Promise.resolve(), changed);
  }

  part(): Part | null {
    return this.#hasLooked() ? { gateways: this.registry.nodes(), trustDomain: this.registry.trustDomain } : null;
  }

  /** Nodes that connect to `xds` are there as long as they are connected. */
  follow(xds: XdsServer): void {
    followXds(xds, { gateways: this.registry, log: this.#log, onChange: () => this.emit('change') });
  }

  stop(): void {
    this.#heartbeats?.stop();
  }
}
