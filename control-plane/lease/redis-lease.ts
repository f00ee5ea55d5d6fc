import type { Cluster, Redis } from 'ioredis';
import { REDIS } from '../../proto/wire.ts';
import type { Lease } from './lease.ts';

/** KEYS: lease, token counter (same hash slot). ARGV: id, ms. Gives {token, id of the leader}. */
const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {tonumber(redis.call('GET', KEYS[2])), holder}
end
if holder then return {0, holder} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {redis.call('INCR', KEYS[2]), ARGV[1]}`;

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

const KEYS = [REDIS.leader, REDIS.leaderToken] as const;

export interface RedisLeaseOptions {
  redis: Redis | Cluster;
  /** Unique to this process: a restarted control plane is another candidate. */
  id: string;
  leaseMs: number;
  onChange: (isLeader: boolean) => void;
  monotonicMs?: () => number;
}

/**
 * A lease in Redis, renewed three times per its length. This process stops leading by its own clock before the lease can end, counted from when it asked,
 * also when Redis is away; should it write late all the same, the token fences it.
 */
export class RedisLease implements Lease {
  readonly #options: Required<RedisLeaseOptions>;
  readonly #timer: NodeJS.Timeout;
  #until = -Infinity;
  #wasLeader = false;
  #isStopped = false;
  token = 0;
  leader: string | null = null;

  constructor(options: RedisLeaseOptions) {
    this.#options = { monotonicMs: () => performance.now(), ...options };
    this.#timer = setInterval(() => {
      void this.#hold();
    }, options.leaseMs / 3);
    void this.#hold();
  }

  get isLeader(): boolean {
    return !this.#isStopped && this.#options.monotonicMs() < this.#until;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#tell();
    await this.#options.redis.eval(RELEASE, 1, KEYS[0], this.#options.id).catch(() => {});
  }

  async #hold(): Promise<void> {
    const { redis, id, leaseMs, monotonicMs } = this.#options;
    const askedMs = monotonicMs();
    try {
      const [token, leader] = (await redis.eval(HOLD, 2, ...KEYS, id, leaseMs)) as [number, string];
      this.leader = leader;
      if (token > 0) {
        this.token = token;
        this.#until = askedMs + leaseMs;
      } else this.#until = -Infinity;
    } catch {
      /* Redis is away: leadership ends by the clock. */
    }
    if (!this.#isStopped) this.#tell();
  }

  #tell(): void {
    const { isLeader } = this;
    if (isLeader === this.#wasLeader) return;
    this.#wasLeader = isLeader;
    this.#options.onChange(isLeader);
  }
}
