import { bugsOnly } from '../../proto/bugs-only.ts';
import { detach } from '../../proto/detach.ts';
import { unreported, type InternalErrors } from '../../proto/internal-errors.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { readBreakers } from '../../proto/breaker-state.ts';
import { CHANNEL, REDIS } from '../../proto/wire.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import { watchChannel } from './channel-watch.ts';

type OpenBreakers = TopologyInputs['openBreakers'];

export interface BreakerWatchOptions {
  redis: RedisClient;
  /** A connection that is subscribed to nothing yet; closed with the watch. */
  subscriber: RedisClient;
  servers: () => readonly string[];
  onChange: () => void;
  /** Messages may be missed, and open times end: the hashes are read again this often as well. */
  everyMs?: number;
  now?: () => number;
  errors?: InternalErrors;
}

/** Follows the breakers of the fleet. A message makes its server's hash be read at once, so that a slot stops being steady within a round trip. */
export class BreakerWatch {
  /** Once they were read, or could not be. */
  readonly looked: Promise<void>;
  readonly #options: Required<BreakerWatchOptions>;
  readonly #open = new Map<string, OpenBreakers>();
  readonly #timer: NodeJS.Timeout;
  readonly #unsubscribe: () => void;
  readonly #failed: (error: unknown) => void;
  #isOver = false;

  constructor(options: BreakerWatchOptions) {
    this.#options = { everyMs: 1000, now: Date.now, errors: unreported, ...options };
    const failed = (error: unknown): void => this.#options.errors.report('breaker-watch', error);
    this.#failed = bugsOnly(failed);
    this.#unsubscribe = watchChannel(
      options.subscriber,
      CHANNEL.breakers,
      (text) => this.#heard(text),
      failed,
      () => this.#readAll(),
    );
    this.#timer = setInterval(() => detach(this.#readAll(), failed), this.#options.everyMs);
    this.looked = this.#readAll().catch(failed);
  }

  /** All that are not closed. While Redis is away: as last known. */
  current(): OpenBreakers {
    return [...this.#open.values()].flat();
  }

  stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#unsubscribe();
  }

  async #heard(text: string): Promise<void> {
    // What another version says is not understood here; the next round reads the hash all the same.
    const server = parseJsonObject(text)?.['server'];
    if (typeof server === 'string' && this.#options.servers().includes(server))
      await this.#read(server).catch(this.#failed);
  }

  async #readAll(): Promise<void> {
    await Promise.all(this.#options.servers().map((server) => this.#read(server).catch(this.#failed)));
  }

  async #read(server: string): Promise<void> {
    const hash = await this.#options.redis.hgetall(REDIS.breaker(server));
    if (this.#isOver) return;
    const open = readBreakers(server, hash)
      .filter((each) => each.isNotClosed)
      .map(({ level, key, state, decision }) => {
        const isTrialDue =
          state === 'half-open' || (state === 'open' && this.#options.now() >= (decision?.untilMs ?? 0));
        return level === 'replica' ? { server, slot: key, tool: null, isTrialDue } : { server, slot: null, tool: key };
      });
    if (JSON.stringify(open) === JSON.stringify(this.#open.get(server) ?? [])) return;
    this.#open.set(server, open);
    this.#options.onChange();
  }
}
