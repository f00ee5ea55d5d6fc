import type { Cluster, Redis } from 'ioredis';
import { detach } from '../../proto/detach.ts';
import { REDIS } from '../../proto/wire.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { countOutcome, noCounters, type SloCounters, type SloReport } from '../../proto/slo-window.ts';

export interface SloPublisherOptions {
  /** Node id, or node id and process where a node runs several. */
  node: string;
  redis: Pick<Redis | Cluster, 'hset' | 'pexpire'>;
  startedAtMs: number;
  now?: () => number;
  intervalMs?: number;
  /** Calls that the relay holds now, by server and slot. */
  onError?: (error: unknown) => void;
  inFlight?: () => Iterable<{ server: string; backend: string; slot: string; calls: number }>;
}

/** Counters of a process that has gone are of use for as long as a rollout's step may last. */
const KEEP_MS = 24 * 3_600_000;
/** Calls in flight are said again this often although their number did not change, so that those of a dead process can be told. */
const REPEAT_MS = 5000;

/**
 * Counts outcomes per server and backend and writes the counters to Redis, where the control plane's rollouts read them. The sidecar writes instead of
 * being asked, because its admin port listens on loopback: a control plane elsewhere could not reach it. A write that fails is made good by the next.
 */
export class SloPublisher {
  readonly #options: Required<SloPublisherOptions>;
  readonly #counters = new Map<string, { server: string; backend: string; counters: SloCounters }>();
  readonly #timer: NodeJS.Timeout;
  #written = new Map<string, { content: string; atMs: number }>();

  constructor(options: SloPublisherOptions) {
    this.#options = { now: Date.now, intervalMs: 1000, inFlight: () => [], onError: () => {}, ...options };
    this.#timer = setInterval(() => {
      detach(() => this.publish(), this.#options.onError);
    }, this.#options.intervalMs);
    this.#timer.unref();
  }

  /** A sink of the outcome bus. A request that met no replica is nobody's but the server's: of the backend ''. */
  readonly count = (outcome: Outcome): void => {
    countOutcome(this.#of(outcome.server, outcome.backend ?? ''), outcome);
  };

  /** A session of this backend was rebuilt. */
  recovered(server: string, backend: string): void {
    this.#of(server, backend).recoveries++;
  }

  /** Writes what changed since the last time; never rejects. */
  async publish(): Promise<void> {
    const { node, redis, startedAtMs, now } = this.#options;
    const inFlight = new Map<string, Record<string, number>>();
    for (const { server, backend, slot, calls } of this.#options.inFlight()) {
      this.#of(server, backend);
      const held = inFlight.get(key(server, backend)) ?? {};
      inFlight.set(key(server, backend), { ...held, [slot]: calls });
    }
    const written = new Map<string, { content: string; atMs: number }>();
    await Promise.allSettled(
      [...this.#counters].map(async ([name, { server, backend, counters }]) => {
        const content = JSON.stringify([counters, inFlight.get(name)]);
        const last = this.#written.get(name),
          atMs = now();
        if (last?.content === content && (!inFlight.has(name) || atMs - last.atMs < REPEAT_MS)) {
          written.set(name, last);
          return;
        }
        const report: SloReport = { node, backend, startedAtMs, atMs, counters, inFlight: inFlight.get(name) ?? {} };
        await redis.hset(REDIS.slo(server), `${node}/${startedAtMs}/${backend}`, JSON.stringify(report));
        await redis.pexpire(REDIS.slo(server), KEEP_MS);
        written.set(name, { content, atMs });
      }),
    );
    this.#written = written;
  }

  /** Writes once more and ends. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.publish();
  }

  #of(server: string, backend: string): SloCounters {
    const name = key(server, backend);
    const found = this.#counters.get(name) ?? { server, backend, counters: noCounters() };
    this.#counters.set(name, found);
    return found.counters;
  }
}

const key = (server: string, backend: string): string => `${server}/${backend}`;
