import { detach } from '../../proto/detach.ts';
import type { Cluster, Redis } from 'ioredis';
import { REDIS } from '../../proto/wire.ts';
import type { Lease } from './lease.ts';

/**
 * KEYS: lease, token counter (same hash slot). ARGV: id, ms. Gives {token, id of the leader}. A counter that is gone or damaged begins at the
 * present second, beyond every token there was. A lease that never ends, or is no text, is none of ours and is replaced.
 */
const HOLD = `
local function text(key)
  if redis.call('TYPE', key).ok == 'string' then return redis.call('GET', key) end
  redis.call('DEL', key)
end
local token = tonumber(text(KEYS[2]) or '')
local holder = text(KEYS[1])
if holder == ARGV[1] and token then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {token, holder}
end
if holder and holder ~= ARGV[1] and redis.call('PTTL', KEYS[1]) > 0 then return {0, holder} end
token = token and token + 1 or tonumber(redis.call('TIME')[1])
redis.call('SET', KEYS[2], string.format('%.0f', token))
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {token, ARGV[1]}`;

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

const KEYS = [REDIS.leader, REDIS.leaderToken] as const;

export interface RedisLeaseOptions {
  redis: Redis | Cluster;
  /** Unique to this process: a restarted control plane is another candidate. */
  id: string;
  leaseMs: number;
  onChange: (isLeader: boolean) => void;
  monotonicMs?: () => number;
  onError?: (error: unknown) => void;
}

/**
 * A lease in Redis, renewed three times per its length. This process stops leading by its own clock before the lease
 * can end, also when Redis is away. The clock counts from the question. A write that comes too late is refused by its
 * token.
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
    this.#options = { monotonicMs: () => performance.now(), onError: () => {}, ...options };
    this.#timer = setInterval(() => {
      detach(this.#hold(), this.#options.onError);
    }, options.leaseMs / 3);
    detach(this.#hold(), this.#options.onError);
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
