import { detach } from '../../../proto/detach.ts';
import { isTouchDue } from '../../session/touch-interval.ts';
import type { Topology } from '../../xds/topology.ts';
import type { RelayContext } from '../relay-context.ts';

/** How often it is asked whether a server's sessions are to be looked at. */
const TICK_MS = 500;
/** Looked at so often at least, in ms; where sessions live for minutes only, sixteen times in their time to live. */
const LOOK_MS = 60_000;

type Context = Pick<RelayContext, 'directory' | 'calls' | 'streams' | 'httpSse' | 'now' | 'internalError'>;

/**
 * Keeps sessions alive while a call or a stream of theirs is open here. Activity is noted when an exchange ends, and a client may listen for hours
 * without asking for anything. Noted when a quarter of the time to live went by in silence.
 */
export class OpenSessions {
  readonly #ctx: Context;
  readonly #topology: () => Topology;
  readonly #lookedMs = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(ctx: Context, topology: () => Topology) {
    this.#ctx = ctx;
    this.#topology = topology;
    this.#timer = setInterval(
      () =>
        detach(
          () => this.look(),
          (error) => ctx.internalError('timer', error),
        ),
      TICK_MS,
    );
    this.#timer.unref();
  }

  /** Looks at the sessions of the servers whose turn it is. */
  look(): void {
    const { directory, now } = this.#ctx,
      nowMs = now(),
      { servers } = this.#topology(),
      quietMs = new Map<string, number>();
    for (const name of this.#lookedMs.keys()) if (!servers.has(name)) this.#lookedMs.delete(name);
    for (const {
      name,
      policy: { sessionTtlSeconds },
    } of servers.values()) {
      // Either way: the clock may be set back.
      if (
        Math.abs(nowMs - (this.#lookedMs.get(name) ?? -Infinity)) < Math.min(LOOK_MS, (sessionTtlSeconds * 1000) / 16)
      )
        continue;
      this.#lookedMs.set(name, nowMs);
      quietMs.set(name, sessionTtlSeconds * 250);
    }
    if (quietMs.size === 0) return;
    for (const { server, digest } of this.#open()) {
      const afterMs = quietMs.get(server);
      if (afterMs !== undefined && isTouchDue(directory.peek(server, digest) ?? null, nowMs, afterMs))
        directory.touch(server, digest, nowMs);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  *#open(): Iterable<{ server: string; digest: string }> {
    yield* this.#ctx.calls.busy();
    yield* this.#ctx.streams.open();
    yield* this.#ctx.httpSse.open();
  }
}
