import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { bugsOnly } from '../../proto/bugs-only.ts';
import { detach } from '../../proto/detach.ts';
import { parseJson } from '../../proto/parse-json.ts';
import { heartbeatSchema, type Heartbeat } from '../../proto/heartbeat.ts';
import { REDIS } from '../../proto/wire.ts';

export interface HeartbeatOptions {
  redis: RedisClient;
  /** What this node says of itself now. */
  own: () => Heartbeat;
  /** The text of it in Redis: signed, where there are certificates. */
  write?: (beat: Heartbeat) => string;
  /** Names of the nodes that should be there (HA_CLUSTER_NODES). */
  expected: readonly string[];
  everyMs: number;
  /** A node whose heartbeat is older is gone (HA_FAILOVER_TIMEOUT). */
  goneAfterMs: number;
  onRound?: (members: readonly Member[]) => void;
  now?: () => number;
  onError?: (error: unknown) => void;
}

export interface Member {
  nodeId: string;
  isUp: boolean;
  ageMs: number | null;
}

/** Control planes look at heartbeats once a second. */
const LAST_WORD_MS = 3000;

/** Tells the others that this node lives, and knows which of the expected ones do. */
export class Heartbeats {
  members: readonly Member[] = [];
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Beats at once, then at each interval. Redis away: nobody is known to be up but this node itself. */
  async start(): Promise<void> {
    const { onError = () => {}, everyMs } = this.#options;
    await this.#round().catch(onError);
    if (!this.#isStopped) this.#timer = setTimeout(() => detach(() => this.start(), onError), everyMs);
  }

  /**
   * Tells the others that this node goes, so that they need not wait for the heartbeat to grow old. The last heartbeat
   * says that the node drains; all read it in time.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    const own = { ...this.#options.own(), isDraining: true };
    await this.#say(own, LAST_WORD_MS).catch(() => undefined);
  }

  /** Writes the heartbeat now: something in it changed. */
  async beat(): Promise<void> {
    await this.#say(this.#options.own(), 3 * this.#options.everyMs);
  }

  async #say(own: Heartbeat, validForMs: number): Promise<void> {
    const { redis, write = JSON.stringify } = this.#options;
    await redis.set(REDIS.gateway(own.nodeId), write({ ...own, validForMs }), 'PX', validForMs);
  }

  async #round(): Promise<void> {
    const { redis, expected, goneAfterMs, onRound, now = Date.now, onError = () => {} } = this.#options;
    const own = this.#options.own().nodeId;
    await this.beat().catch(bugsOnly(onError));
    this.members = await Promise.all(
      [...new Set([own, ...expected])].map(async (nodeId): Promise<Member> => {
        if (nodeId === own) return { nodeId, isUp: true, ageMs: 0 };
        const text = await redis.get(REDIS.gateway(nodeId)).catch(() => null);
        const ageMs = text === null ? null : ageOf(text, now());
        return { nodeId, isUp: ageMs !== null && ageMs <= goneAfterMs, ageMs };
      }),
    );
    onRound?.(this.members);
  }
}

function ageOf(text: string, nowMs: number): number | null {
  const read = heartbeatSchema.safeParse(parseJson(text));
  return read.success && !read.data.isDraining ? Math.max(0, nowMs - read.data.atMs) : null;
}
