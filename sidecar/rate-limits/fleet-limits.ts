import { messagesOf, type RpcBody } from '../../proto/json-rpc.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { bucketsOf } from './buckets-of.ts';
import { LocalBuckets, type Taken } from './local-buckets.ts';
import type { SharedBuckets } from './redis-buckets.ts';

export interface FleetLimitsOptions {
  /** Null: this node is alone. */
  shared: SharedBuckets | null;
  now: () => number;
  /** Redis did not answer, so this node decided. */
  onLocal: (server: string) => void;
  /** A call waits no longer than this for Redis. */
  patienceMs?: number;
}

const PATIENCE_MS = 100;
/** After a failure Redis is left alone for this long, so that not every call waits. */
const REST_MS = 1000;

/** How many calls the fleet lets through. Fails open: without Redis each node has its share of the rate, and a burst. */
export class FleetLimits {
  readonly #options: FleetLimitsOptions;
  readonly #local = new LocalBuckets();
  #restsUntilMs = 0;

  constructor(options: FleetLimitsOptions) {
    this.#options = options;
  }

  /** Null: nothing to ask. `caller`: who asks, as a digest or an address. `nodes`: gateway nodes of the fleet. Never rejects. */
  take(
    { name, fleetLimits }: Pick<ServerPolicy, 'name' | 'fleetLimits'>,
    body: RpcBody,
    caller: () => string,
    nodes: number,
  ): Promise<Taken> | null {
    if (fleetLimits.length === 0) return null;
    const buckets = bucketsOf(fleetLimits, messagesOf(body), caller());
    if (buckets.length === 0) return null;
    const { shared, now, onLocal } = this.#options,
      locally = (share: number): Taken => this.#local.take(name, buckets, share, now());
    if (shared === null) return Promise.resolve(locally(1));
    const instead = (): Taken => {
      onLocal(name);
      return locally(nodes);
    };
    if (now() < this.#restsUntilMs) return Promise.resolve(instead());
    return withinMs(shared.take(name, buckets), this.#options.patienceMs ?? PATIENCE_MS).catch(() => {
      this.#restsUntilMs = now() + REST_MS;
      return instead();
    });
  }
}

function withinMs<T>(pending: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([pending, late]).finally(() => clearTimeout(timer));
}
