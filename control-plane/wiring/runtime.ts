import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { internalErrors, type InternalErrors } from '../../proto/internal-errors.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import type { Config } from '../config/config-schema.ts';
import { TopologyInForce } from '../topology/topology-in-force.ts';
import { openStores, type Stores } from './stores.ts';

/** What all parts of one control plane process stand on. */
export interface Runtime {
  /** Unique to this process. */
  id: string;
  registry: Registry;
  errors: InternalErrors;
  /** Reports a failure of this process's own code. */
  caught: (where: string) => (error: unknown) => void;
  log: Logger;
  now: () => number;
  stores: Stores;
  /** Null with SESSION_STORE=memory. */
  redis: RedisClient | null;
  isLeader: () => boolean;
  /** The loop writes it; parts that act on what gateways were told read it. */
  topology: TopologyInForce;
}

export interface RuntimeOptions {
  config: Config;
  stateDir: string | null;
  log: Logger;
}

export async function openRuntime({ config, stateDir, log }: RuntimeOptions): Promise<Runtime> {
  const now = Date.now;
  const id = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const errors = internalErrors(registry, log);
  const caught = (where: string) => (error: unknown) => errors.report(where, error);
  const stores = await openStores({ config, stateDir, id, now, log, onError: caught('lease') });
  const isLeader = (): boolean => stores.lease.isLeader;
  return {
    ...{ id, registry, errors, caught, log, now, stores, isLeader },
    redis: stores.redis,
    topology: new TopologyInForce(),
  };
}
