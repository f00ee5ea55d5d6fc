import { messagesOf, type RpcBody } from '../../proto/json-rpc.ts';
import { withinMs } from '../../proto/within-ms.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { TokenBuckets } from '../budget/token-buckets.ts';
import { bucketsOf, type Bucket, type Taken } from './buckets-of.ts';
import type { SharedBuckets } from './redis-buckets.ts';

export interface FleetLimitsOptions {
  /** Null: this node is alone. */
  shared: SharedBuckets | null;
  now: () => number;
  /** Redis did not answer, so this node decided. */
  onLocal: (server: string) => void;
  /** A call waits no longer than this for Redis. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 100;
/** After a failure Redis is left alone for this long, so that not every call waits. */
const REST_MS = 1000;

/** How many calls the fleet lets through. Fails open: without Redis each node has its share of the rate, and a burst. */
export class FleetLimits {
  readonly #options: FleetLimitsOptions;
  readonly #local = new TokenBuckets();
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
      locally = (share: number): Taken => this.#takeLocally(name, buckets, share);
    if (shared === null) return Promise.resolve(locally(1));
    const instead = (): Taken => {
      onLocal(name);
      return locally(nodes);
    };
    if (now() < this.#restsUntilMs) return Promise.resolve(instead());
    const rest = (): Taken => {
      this.#restsUntilMs = now() + REST_MS;
      return instead();
    };
    return withinMs(this.#options.timeoutMs ?? TIMEOUT_MS, shared.take(name, buckets), rest).catch(rest);
  }

  /** By this node alone: its share of the rate, and a whole burst. */
  #takeLocally(server: string, buckets: readonly Bucket[], nodes: number): Taken {
    const shares = buckets.map(({ limit, key, perMs, ...more }) => ({
      ...more,
      key: `${server} ${limit} ${key}`,
      perMs: perMs * Math.max(1, nodes),
    }));
    const taken = this.#local.take(shares, this.#options.now());
    if (taken.is === 'taken') return taken;
    return { is: 'refused', limit: buckets[taken.index]?.limit ?? '', retryAfterMs: taken.retryAfterMs };
  }
}
