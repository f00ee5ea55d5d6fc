import { clientAddress } from '../budget/client-address.ts';
import type { IncomingHttpHeaders } from 'node:http';
import { messagesOf, readRpcBody } from '../../proto/json-rpc.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import type { DeliveryOutcome } from '../../proto/rpc-error.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { HEADER } from '../../proto/wire.ts';
import type { SseEvent } from '../../proto/sse-reader.ts';
import type { UpstreamFailure } from '../recovery/upstream.ts';
import { Exchange } from './exchange.ts';
import type { WholeAnswer } from './target.ts';
import { fetchTools } from './fetch-tools.ts';
import { beginSession, bornRecord } from './session-birth.ts';

/**
 * A POST that belongs to no session: initialize, stateless servers, 2026-07-28. Any replica may have it; the next one gets it when that is safe.
 * The answer to initialize waits until the session's record is kept, so that no later request can come before it.
 */
export class FreeExchange extends Exchange {
  protected readonly tried = new Set<string>();
  /** Of the session that is beginning, as far as the answer's headers tell. */
  #birth: SessionRecord | null = null;
  /** What comes while the record is being written. */
  #later: (() => void)[] | null = null;

  run(): void {
    this.toNext('not_sent');
  }

  protected toNext(delivery: DeliveryOutcome): void {
    const view = this.ctx.server(this.request.server) ?? this.view,
      replica = this.ctx.place(view, this.tried);
    if (!replica) return this.fail('noReplica', delivery);
    const target = { replica, upstreamId: null, record: null };
    if (this.tried.size === 0) this.send(target);
    else this.client.guard(() => this.resend(target, delivery));
  }

  protected unreachable(): void {
    this.elsewhere('not_sent');
  }
  protected broken(): void {
    this.elsewhere(this.delivery);
  }
  protected rejected(retryAfterMs: number): void {
    this.tried.add(this.target!.replica.slot);
    const view = this.ctx.server(this.request.server) ?? this.view,
      replica = this.ctx.place(view, this.tried);
    if (!replica) return this.failOpen(retryAfterMs);
    this.send({ replica, upstreamId: null, record: null });
  }

  protected judges({ status }: WholeAnswer): boolean {
    if (!this.#isInitialize || (status !== 502 && status !== 503 && status !== 504)) return false;
    this.tried.add(this.target!.replica.slot);
    const view = this.ctx.server(this.request.server) ?? this.view,
      replica = this.ctx.place(view, this.tried);
    if (!replica) return false; // the last replica's own answer is as good as ours
    this.client.guard(() => this.resend({ replica, upstreamId: null, record: null }, 'not_sent'));
    return true;
  }

  protected expired(): void {
    this.call?.abort();
    this.call = null;
    this.ctx.report({ server: this.request.server, slot: this.target!.replica.slot, kind: 'hanging' });
    this.fail('deadline', this.delivery);
  }

  get #isInitialize(): boolean {
    return this.outcome.method === 'initialize' && this.asked.rpc.kind === 'single';
  }

  protected elsewhere(delivery: DeliveryOutcome): void {
    const { slot } = this.target!.replica;
    this.tried.add(slot);
    if (delivery === 'not_sent') this.ctx.report({ server: this.request.server, slot, kind: 'unreachable' });
    const { policy } = this.view;
    if (!this.asked.isSafe(delivery, policy) && this.asked.mightBecomeSafe(policy))
      return this.client.guard(() => this.#learnFirst(delivery));
    this.#repeat(delivery);
  }

  /** What the tool says of itself was not heard yet: a replica that is left is asked. */
  async #learnFirst(delivery: DeliveryOutcome): Promise<void> {
    const view = this.ctx.server(this.request.server) ?? this.view;
    const replica = this.ctx.place(view, this.tried);
    const params = parseJsonObject(this.body)?.['params'];
    const meta = params !== null && typeof params === 'object' && !Array.isArray(params) ? params['_meta'] : undefined;
    if (replica)
      await fetchTools(this.ctx, view.policy, { replica, upstreamId: null, record: null }, this.headers, meta);
    if (!this.isOver) this.#repeat(delivery);
  }

  #repeat(delivery: DeliveryOutcome): void {
    // The client knows the id of a session that died before its answer: it must begin anew by itself.
    if (!this.asked.isSafe(delivery, this.view.policy) || (this.#birth && !this.client.isFresh))
      return this.fail('replicaLost', delivery);
    this.#birth = null;
    this.toNext(delivery);
  }

  #nameSession(headers: IncomingHttpHeaders): void {
    const upstreamId = headers[HEADER.sessionId];
    if (!this.#isInitialize || typeof upstreamId !== 'string' || upstreamId === '') return;
    const params = parseJsonObject(this.body)?.['params'];
    const { clientId, record } = beginSession({
      replica: this.target!.replica,
      upstreamId,
      owner: this.ctx.identities.ownerOf(this.request.shown, this.headers, this.view.policy),
      initializeParams: params,
      nowMs: this.ctx.now(),
    });
    this.#birth = record;
    this.client.nameSession(clientId);
  }

  override onSse(status: number, headers: IncomingHttpHeaders): void {
    this.#nameSession(headers);
    super.onSse(status, headers);
  }

  override onEvent(event: SseEvent): void {
    if (this.#later) {
      this.#later.push(() => this.onEvent(event));
      return;
    }
    const keeping = event.data ? this.keep(event.data) : null;
    if (!keeping) return super.onEvent(event);
    this.#hold(keeping, () => super.onEvent(event));
  }

  protected override deliver(answer: WholeAnswer): void {
    this.#nameSession(answer.headers);
    const keeping = this.keep(answer.body);
    if (!keeping) return super.deliver(answer);
    this.#hold(keeping, () => super.deliver(answer));
  }

  override onFinished(isCut: boolean): void {
    if (this.#later) this.#later.push(() => super.onFinished(isCut));
    else super.onFinished(isCut);
  }

  override onFailure(failure: UpstreamFailure): void {
    if (this.#later) this.#later.push(() => super.onFailure(failure));
    else super.onFailure(failure);
  }

  /** Writes down what later requests depend on, before the client sees it: the record of the session that `data` begins. Null: nothing to write. */
  protected keep(data: Buffer): Promise<unknown> | null {
    const birth = this.#birth;
    if (!birth || !messagesOf(readRpcBody(data)).some((message) => message.kind === 'response')) return null;
    const record = bornRecord(birth, parseJsonObject(data)?.['result']);
    this.#birth = null;
    if (!record) return null;
    this.ctx.metrics.created(record.server, record.backend);
    this.ctx.sessions.began(record, clientAddress(this.request.incoming.headers), this.body.length);
    return this.ctx.directory.remember(record);
  }

  #hold(keeping: Promise<unknown>, go: () => void): void {
    this.#later = [];
    this.client.guard(async () => {
      await keeping;
      const later = this.#later!;
      this.#later = null;
      go();
      for (const run of later) run();
    });
  }
}
