import { detach } from '../../../proto/detach.ts';
import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';
import type { ServerView, Topology } from '../../xds/topology.ts';
import { resultLabel } from '../../recovery/result-label.ts';
import type { RelayContext } from '../relay-context.ts';

/** How often slots are looked at. */
const LOOK_MS = 500;
/** A session without activity for this long is idle. Calls in flight count as activity: every gateway says so of its own, each second. */
const IDLE_MS = 2500;
/** A session with a GET stream is moved by the gateway that holds the stream, so that the stream goes along. After this long nobody seems to hold it. */
const HOLDER_MS = 10_000;
/** Sessions read of a slot at a time, besides those that stay. */
const BATCH = 500;

/** `sinceMs`: when this gateway heard of the drain. `stays`: sessions that only a request of their client can move. */
interface Emptying {
  sinceMs: number;
  stays: Set<string>;
  isBusy: boolean;
}

type Context = Pick<
  RelayContext,
  'directory' | 'recovery' | 'calls' | 'streams' | 'traces' | 'now' | 'ownRelay' | 'internalError'
>;

/**
 * Moves idle sessions off drained replicas without waiting for their next request. These are sessions that anybody may rebuild. Sessions
 * whose GET stream is held here are moved too, with the headers of the stream. The others wait for their client. Paced by the recoveries'
 * admission queue, behind every recovery that a client waits for, and never more than half of it. The gateways share the work by the
 * session's digest.
 */
export class DrainedSlots {
  readonly #ctx: Context;
  readonly #topology: () => Topology;
  readonly #slots = new Map<string, Emptying>();
  readonly #timer: NodeJS.Timeout;

  constructor(ctx: Context, topology: () => Topology) {
    this.#ctx = ctx;
    this.#topology = topology;
    this.#timer = setInterval(() => {
      detach(this.look(), (error) => ctx.internalError('timer', error));
    }, LOOK_MS);
    this.#timer.unref();
  }

  /** Looks once; over when what it began is over. Never rejects. */
  async look(): Promise<void> {
    const nowMs = this.#ctx.now(),
      current = new Set<string>(),
      work: Promise<void>[] = [],
      draining = new Set<string>();
    for (const view of this.#topology().servers.values()) {
      for (const endpoint of view.endpoints) {
        if (endpoint.state !== 'draining') continue;
        const key = `${view.name}/${endpoint.slot}`,
          emptying = this.#slots.get(key) ?? { sinceMs: nowMs, stays: new Set<string>(), isBusy: false };
        current.add(key);
        draining.add(view.name);
        this.#slots.set(key, emptying);
        // First every gateway must have heard of the drain, and have said which sessions are busy.
        if (emptying.isBusy || nowMs - emptying.sinceMs < IDLE_MS || !canMove(view, endpoint)) continue;
        emptying.isBusy = true;
        work.push(
          this.#empty(view, endpoint, emptying)
            .catch(() => undefined)
            .finally(() => {
              emptying.isBusy = false;
            }),
        );
      }
    }
    for (const key of this.#slots.keys()) if (!current.has(key)) this.#slots.delete(key);
    if (draining.size > 0)
      for (const { server, digest } of this.#ctx.calls.busy())
        if (draining.has(server)) this.#ctx.directory.touch(server, digest, nowMs);
    await Promise.all(work);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #empty(view: ServerView, { slot }: ReplicaEndpoint, emptying: Emptying): Promise<void> {
    const listed = await this.#ctx.directory.listSlot(view.name, slot, BATCH + emptying.stays.size);
    const movable = listed.filter((record) => this.#isMovable(record, emptying));
    const mine = movable.filter(
      (record) => record.hasGetStream || isShareOf(record.digest, view.relays, this.#ctx.ownRelay),
    );
    const queue = mine.length > 0 ? mine : movable;
    const move = async (): Promise<void> => {
      for (let record = queue.pop(); record; record = queue.pop()) {
        // The drain may have been called off meanwhile, and a call may have come.
        if (this.#topology().server(view.name)?.bySlot(slot)?.state !== 'draining') return;
        if (this.#isMovable(record, emptying)) await this.#move(view, record, emptying);
      }
    };
    await Promise.all(
      Array.from({ length: Math.min(queue.length, Math.max(1, view.policy.recoveryConcurrency >> 1)) }, move),
    );
  }

  #isMovable(record: SessionRecord, { stays, sinceMs }: Emptying): boolean {
    const { digest, principal, hasCredentials, hasGetStream, lastActivityMs, type, isTombstone } = record,
      nowMs = this.#ctx.now();
    // HTTP+SSE sessions are their stream; its holder puts them back when the replica ends.
    if (
      isTombstone ||
      type === 'sse' ||
      stays.has(digest) ||
      nowMs - lastActivityMs < IDLE_MS ||
      this.#ctx.calls.of(digest) > 0
    )
      return false;
    if (this.#ctx.streams.openOf(digest)) return true;
    return principal === null && hasCredentials === false && (!hasGetStream || nowMs - sinceMs > HOLDER_MS);
  }

  async #move(view: ServerView, record: SessionRecord, { stays }: Emptying): Promise<void> {
    const { recovery, streams, traces, now } = this.#ctx;
    const { hostOverride } = view.policy,
      stream = streams.openOf(record.digest),
      headers = stream?.headers ?? (hostOverride === null ? [] : ['host', hostOverride]);
    const trace = traces.recovery(record, 'drain', stream?.told.outcome.trace?.context ?? null);
    const result = await recovery.recover({ record, reason: 'drain', headers, urgency: 'background', trace });
    trace?.end(resultLabel(result), now());
    if (
      result.kind === 'recovered' ||
      result.reason === 'timeout' ||
      result.reason === 'queue-full' ||
      result.reason === 'no-replica' ||
      result.reason === 'unsure'
    )
      return;
    stays.add(record.digest);
  }
}

/** Is there a replica that could take sessions, and does the relay see all that they do? What Envoy alone holds, nobody here can tell to be idle. */
const canMove = ({ policy, endpoints }: ServerView, { slot }: ReplicaEndpoint): boolean =>
  policy.onReplicaLoss === 'recover' &&
  policy.guard.length === 2 &&
  endpoints.some((other) => other.slot !== slot && (other.state === 'active' || other.state === 'standby'));

/** Each session is one relay's first, so that gateways seldom meet at one. Should a gateway be gone, the others take its share when theirs is done. */
function isShareOf(digest: string, relays: readonly string[], own: string): boolean {
  const sorted = [...relays].sort(),
    at = sorted.indexOf(own);
  return at < 0 || parseInt(digest.slice(0, 8), 16) % sorted.length === at;
}
