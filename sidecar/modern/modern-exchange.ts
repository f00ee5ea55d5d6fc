import type { IncomingHttpHeaders } from 'node:http';
import { messagesOf, readRpcBody, type RpcMessage } from '../../proto/json-rpc.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { SseEvent } from '../../proto/sse-reader.ts';
import type { UpstreamFailure } from '../recovery/upstream.ts';
import type { WholeAnswer } from '../relay/target.ts';
import { FreeExchange } from '../relay/free-exchange.ts';
import { cacheKey } from './cache-key.ts';
import { isShareable } from './keyed-headers.ts';
import { keysOfAnswer, keysOfRequest, type AffinityKey } from './affinity-key.ts';

const INVALID_PARAMS = -32602;
/** Replicas that are asked for a key that nobody remembers: each refusal costs it next to nothing. */
const MAX_ASKED = 16;

/**
 * A request of 2026-07-28. What names a task, a requestState or a handle goes to the replica that holds it; anything else to any. When the holder is
 * gone another replica judges: it may share the state, and if not its own refusal is the one the protocol asks for. A key that nobody
 * remembers, or whose holder's life is over, is looked for: a replica that refuses it as invalid has done nothing, so the next one is asked.
 */
export class ModernExchange extends FreeExchange {
  #keys: readonly AffinityKey[] = [];
  #isPinned = false;
  #isSeeking = false;
  #hasRetriedHolder = false;
  #wasRefused = false;
  /** What the first replica said while others are asked. */
  #firstAnswer: WholeAnswer | null = null;
  #unopened: (() => void) | null = null;
  #cacheKey: string | null = null;
  #changesSeen = 0;
  /** The head of the answer at hand lets it be given to others. */
  #isShareable = false;

  override run(): void {
    const { affinity, sharedCache } = this.view.policy,
      message = this.asked.messages[0];
    if (message && sharedCache && this.#isAnsweredFromCache(message)) return;
    if (message) this.#keys = keysOfRequest(message, this.received, this.request.incoming.headers, affinity.handles);
    if (this.#keys.length === 0) return super.run();
    this.client.guard(async () =>
      this.#begin(await this.ctx.modern.affinity.find(this.request.server, this.#keys, affinity.ttlSeconds)),
    );
  }

  #isAnsweredFromCache(message: RpcMessage): boolean {
    const { cache } = this.ctx.modern,
      { incoming, path, shown } = this.request;
    this.#cacheKey = cacheKey(message, this.received, incoming.headers, {
      path,
      sent: this.headers,
      claims: shown.claims,
      isVerified: this.#isVerified,
    });
    this.#changesSeen = cache.changes;
    const kept =
      this.#cacheKey === null ? null : cache.find(this.request.server, this.#cacheKey, message.idText!, this.ctx.now());
    if (!kept) return false;
    this.client.whole(200, { 'content-type': 'application/json' }, kept);
    this.finish(200, false);
    return true;
  }

  /** Envoy verifies tokens for this server. */
  get #isVerified(): boolean {
    return this.view.policy.jwt !== undefined;
  }

  #begin(slot: string | null): void {
    if (this.isOver) return;
    const replica = slot === null ? undefined : this.#latest.bySlot(slot);
    if (replica && replica.state !== 'lost') {
      this.#isPinned = true;
      return this.#sendTo(replica);
    }
    // A restart is noticed a moment after it: what the new life gave in between is remembered under the former one's slot, and is there all the same.
    this.#isSeeking = true;
    this.toNext('not_sent');
  }

  protected override get maxAttempts(): number {
    return this.#isSeeking ? MAX_ASKED : super.maxAttempts;
  }
  get #latest() {
    return this.ctx.server(this.request.server) ?? this.view;
  }
  #sendTo(replica: ReplicaEndpoint): void {
    this.send({ replica, upstreamId: null, record: null });
  }

  override onFailure(failure: UpstreamFailure): void {
    this.#unopened = null;
    this.#wasRefused =
      failure.code === 'ECONNREFUSED' || (failure.cause as NodeJS.ErrnoException).code === 'ECONNREFUSED';
    super.onFailure(failure);
  }

  protected override unreachable(): void {
    if (!this.#isPinned || this.#wasRefused) return this.#leaveHolder(() => super.unreachable());
    // It doesn't answer, which is not to be gone: what it holds may be asked for again.
    this.ctx.report({ server: this.request.server, slot: this.target!.replica.slot, kind: 'unreachable' });
    this.fail('noReplica', 'not_sent');
  }

  protected override broken(): void {
    if (!this.#isPinned || !this.client.isFresh || !this.asked.isSafe(this.delivery, this.view.policy))
      return super.broken();
    if (this.#hasRetriedHolder) return this.fail('replicaLost', this.delivery);
    this.#hasRetriedHolder = true;
    this.client.guard(() => this.resend(this.target!, this.delivery));
  }

  protected override rejected(retryAfterMs: number): void {
    if (this.#isPinned) this.failOpen(retryAfterMs);
    else super.rejected(retryAfterMs);
  }

  protected override judges(answer: WholeAnswer): boolean {
    if (!this.#isSeeking || !isInvalid(answer.body)) return super.judges(answer);
    this.#firstAnswer ??= answer;
    if (!this.#seekOn()) this.deliver(this.#firstAnswer);
    return true;
  }

  /** Asks the next replica. False: all were asked. */
  #seekOn(): boolean {
    this.tried.add(this.target!.replica.slot);
    const next =
      this.attempts < this.maxAttempts
        ? this.#latest.endpoints.find(
            ({ slot, state }) => state !== 'lost' && state !== 'unhealthy' && !this.tried.has(slot),
          )
        : undefined;
    if (next) this.#sendTo(next);
    return next !== undefined;
  }

  /** While a key is looked for, a stream is opened for the client only when its first event is no refusal. */
  override onSse(status: number, headers: IncomingHttpHeaders): void {
    this.#isShareable = isShareable(status, headers, this.#isVerified);
    if (this.#isSeeking && this.client.isFresh) this.#unopened = () => super.onSse(status, headers);
    else super.onSse(status, headers);
  }

  override onEvent(event: SseEvent): void {
    if (this.#unopened && event.data === null) return;
    if (this.#unopened && isInvalid(event.data!)) {
      const call = this.call;
      if (this.#seekOn()) {
        this.#unopened = null;
        call?.abort();
        return;
      }
    }
    this.#open();
    super.onEvent(event);
  }

  protected override deliver(answer: WholeAnswer): void {
    this.#isShareable = isShareable(answer.status, answer.headers, this.#isVerified);
    super.deliver(answer);
  }

  override onPiece(bytes: Buffer, isLast: boolean): void {
    this.#open();
    super.onPiece(bytes, isLast);
  }

  #open(): void {
    const open = this.#unopened;
    this.#unopened = null;
    open?.();
  }

  protected override keep(data: Buffer): Promise<unknown> | null {
    const { affinity } = this.view.policy;
    if (!messagesOf(readRpcBody(data)).some(({ kind }) => kind === 'response')) return super.keep(data);
    const message = this.asked.messages[0];
    if (this.#cacheKey !== null && message && this.#isShareable)
      this.ctx.modern.cache.offer(
        this.request.server,
        this.#cacheKey,
        { method: message.method!, uri: message.uri },
        data,
        this.#changesSeen,
        this.ctx.now(),
      );
    const given = keysOfAnswer(data, affinity.handles);
    const found = this.#isSeeking && !isInvalid(data) ? this.#keys : [];
    return (
      this.ctx.modern.affinity.remember(
        this.request.server,
        [...given, ...found],
        this.target!.replica.slot,
        affinity.ttlSeconds,
      ) ?? super.keep(data)
    );
  }

  #leaveHolder(go: () => void): void {
    this.#isPinned = false;
    go();
  }
}

const isInvalid = (data: Buffer): boolean =>
  messagesOf(readRpcBody(data)).some(({ kind, errorCode }) => kind === 'response' && errorCode === INVALID_PARAMS);
