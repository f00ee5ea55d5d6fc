import { createHash } from 'node:crypto';
import { BREAKER_DECIDE_LUA } from '../../proto/breaker-script.ts';
import {
  breakerField,
  fleetBreakerSchema,
  readBreakerField,
  readBreakerMessage,
  type BreakerEntry,
  type FleetBreaker,
} from '../../proto/breaker-state.ts';
import { detach } from '../../proto/detach.ts';
import { parseJson } from '../../proto/parse-json.ts';
import { anotherConnection, type RedisClient } from '../../proto/redis/redis-client.ts';
import { CHANNEL, REDIS } from '../../proto/wire.ts';
import type { Breaker, BreakerTable } from './breaker-table.ts';
import { BreakerConsensus, type BreakerConsensusOptions } from './breaker-consensus.ts';

/** Pub/sub may lose a message when a connection breaks; what stands in Redis is read again this often. */
const RESYNC_MS = 5000;
const SCRIPT_SHA = createHash('sha1').update(BREAKER_DECIDE_LUA).digest('hex');

export interface FleetOptions extends Omit<BreakerConsensusOptions, 'table'> {
  redis: RedisClient;
  table: BreakerTable;
  resyncMs?: number;
  /** What a message or a record set off in this process; Redis being away is none. */
  onError: (error: unknown) => void;
}

/** Shares breakers with the other gateways through Redis; the only file here that talks to it. What is decided: BreakerConsensus. */
export class Fleet {
  readonly #redis: RedisClient;
  readonly #subscriber: RedisClient;
  readonly #consensus: BreakerConsensus;
  readonly #options: FleetOptions;
  readonly #timer: NodeJS.Timeout;
  /** Breakers whose proposal is under way; true when their state changed meanwhile. */
  readonly #deciding = new Map<Breaker, boolean>();
  #isClosed = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#redis = options.redis;
    this.#consensus = new BreakerConsensus(options);
    this.#subscriber = anotherConnection(options.redis);
    this.#subscriber.on('message', (_channel: string, text: string) => {
      detach(() => {
        const message = readBreakerMessage(text);
        if (message) this.#consensus.hear(message.server, message.entry);
      }, options.onError);
    });
    const subscribe = (): void => {
      const subscribed = this.#subscriber.subscribe(CHANNEL.breakers).then(
        () => this.resync(),
        () => {
          this.#subscriber.disconnect(true);
        },
      );
      detach(subscribed, options.onError);
    };
    this.#subscriber.on('ready', subscribe);
    if (this.#subscriber.status === 'ready') subscribe();
    this.#timer = setInterval(() => {
      detach(() => this.resync(), options.onError);
    }, options.resyncMs ?? RESYNC_MS);
    this.#timer.unref();
  }

  /** This gateway's own change of state: to be called by the table's `onChange`. */
  announce(breaker: Breaker): void {
    // One proposal at a time: the next one must know the generation that this one makes.
    if (this.#deciding.has(breaker)) {
      this.#deciding.set(breaker, true);
      return;
    }
    const proposal = this.#consensus.propose(breaker);
    if (proposal) detach(this.#decide(breaker, proposal.decision, proposal.seenGeneration), this.#options.onError);
  }

  /** Reads what stands, of every server; then offers what was decided here while Redis was away. Never rejects. */
  async resync(): Promise<void> {
    if (this.#isClosed) return;
    for (const server of this.#options.table.servers()) {
      const hash = await this.#redis.hgetall(REDIS.breaker(server)).catch(() => null);
      // Redis is away: each gateway goes on by itself, and the next round or reconnect reads again.
      if (hash === null) return;
      try {
        const entries = Object.entries(hash)
          .map(([field, value]) => readBreakerField(field, value))
          .filter((entry): entry is BreakerEntry => entry !== undefined);
        this.#consensus.hearAll(server, entries);
        const gone = this.#consensus.gone(server, entries).map(breakerField);
        if (gone.length > 0) await this.#redis.hdel(REDIS.breaker(server), ...gone);
      } catch (error) {
        this.#options.onError(error); // Of this server's records; the others' are read all the same.
      }
    }
    for (const breaker of this.#consensus.unshared()) this.announce(breaker);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#subscriber.disconnect();
  }

  async #decide(breaker: Breaker, decision: FleetBreaker, seenGeneration: number): Promise<void> {
    const { server } = breaker;
    const args = [
      server,
      breakerField(breaker),
      String(seenGeneration),
      JSON.stringify(decision),
      CHANNEL.breakers,
      String(this.#options.now()),
    ];
    this.#deciding.set(breaker, false);
    let isShared = false;
    try {
      const text = await this.#run(REDIS.breaker(server), args);
      const standing = fleetBreakerSchema.parse(parseJson(String(text)));
      this.#consensus.decided(breaker, decision, standing);
      isShared = true;
    } catch {
      this.#consensus.notShared(breaker);
    }
    const hasMovedOn = this.#deciding.get(breaker) === true;
    this.#deciding.delete(breaker);
    if (isShared && hasMovedOn && !this.#isClosed) this.announce(breaker);
  }

  async #run(key: string, args: readonly string[]): Promise<unknown> {
    try {
      return await this.#redis.evalsha(SCRIPT_SHA, 1, key, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await this.#redis.eval(BREAKER_DECIDE_LUA, 1, key, ...args);
    }
  }
}
