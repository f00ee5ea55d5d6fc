import type { IncomingHttpHeaders } from 'node:http';
import { messagesOf, readRpcBody } from '../../proto/json-rpc.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import type { SseEvent } from '../../proto/sse-reader.ts';
import { sseMessage } from '../../proto/sse-writer.ts';
import { HEADER } from '../../proto/wire.ts';
import type { RecoveryReason } from '../metrics/session-metrics.ts';
import { catchUpNotifications } from '../recovery/recovery-plan.ts';
import type { Recovered } from '../recovery/recovery.ts';
import type { ServerView } from '../xds/topology.ts';
import { neighbourHeaders, upstreamHeaders } from '../recovery/upstream-headers.ts';
import type { UpstreamCall, UpstreamFailure } from '../recovery/upstream.ts';
import { stampEvent } from './answer-tracker.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ClientRequest } from './client-request.ts';
import { ExchangeOutcome } from './exchange-outcome.ts';
import { lifeOf, type Target } from './exchange.ts';
import { locateAtOnce, locateByRecord } from './locate-session.ts';
import { errorOfRefusal, MESH_ERROR, meshErrors, outcomeOfError, type MeshError } from './mesh-errors.ts';
import { probeSession } from './probe-session.ts';
import type { RelayContext } from './relay-context.ts';
import { UpstreamAnswer, type AnswerListener } from './upstream-answer.ts';

/** A server that ends its streams sooner than this means it. */
const SHORT_LIFE_MS = 1000;
/** Pauses between attempts to put a stream back, doubling. */
const RETRY_MS = { first: 250, last: 5000 };

/** A client's GET stream: held for as long as the client wants it, over as many lives of its session as it takes. */
export class HeldStream implements AnswerListener {
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #request: ClientRequest;
  readonly #client: ClientAnswer;
  readonly #outcome: ExchangeOutcome;
  readonly #headers: string[];
  #target: Target | null = null;
  #call: UpstreamCall | null = null;
  #lastEventId: string | undefined;
  /** The event that the client came back with, while calls may wait for what follows it. */
  #resumesFrom: string | undefined;
  #openedMs = 0;
  #retryMs = RETRY_MS.first;
  #retry: NodeJS.Timeout | null = null;
  #mustCatchUp = false;
  #isHandedOver = false;
  #isOver = false;

  constructor(ctx: RelayContext, view: ServerView, request: ClientRequest, client: ClientAnswer) {
    this.#ctx = ctx;
    this.#view = view;
    this.#request = request;
    this.#client = client;
    this.#outcome = new ExchangeOutcome(ctx, request, null);
    this.#headers = upstreamHeaders(request.incoming.rawHeaders, null, view.policy.hostOverride);
    const at = this.#headers.indexOf('last-event-id');
    if (at >= 0) this.#resumesFrom = this.#lastEventId = this.#headers.splice(at, 2)[1];
    client.onGone(() => this.#finish('cancelled'));
    client.onDrain(() => this.#call?.resume());
  }

  /** The replica answers on it. */
  get isOpen(): boolean {
    return !this.#isOver && !this.#isHandedOver && this.#openedMs > 0;
  }
  get headers(): readonly string[] {
    return this.#headers;
  }
  get server(): string {
    return this.#request.server;
  }

  async run(): Promise<void> {
    const { server, digest, clientId, incoming } = this.#request,
      authorization = incoming.headers.authorization;
    this.#ctx.streams.add(server, digest!, this);
    const located =
      locateAtOnce(this.#ctx, this.#view, clientId!, digest!, authorization) ??
      (await locateByRecord(this.#ctx, this.#view, clientId!, digest!, authorization));
    if (this.#isOver) return;
    if (located.kind === 'unknown') return this.#fail('sessionNotFound');
    if (located.kind === 'unsure') return this.#toNeighbour();
    if (located.kind === 'at') return this.#answersLost(located.lodging) ? undefined : this.#open(located.lodging);
    // A stream alone moves nobody from a replica that still works.
    if (located.stay) return this.#open(located.stay);
    return this.#recover(located.record, located.reason);
  }

  /** The session lives elsewhere now. `record` is null when another node moved it. */
  moved(record: SessionRecord | null): void {
    if (this.#isOver || !this.#target) return;
    if (record) return this.#follow(record);
    void this.#ctx.directory.find(this.#request.server, this.#request.digest!).then((found) => {
      if (found.kind === 'live') this.#follow(found.record);
    });
  }

  /** The session was deleted. */
  ended(): void {
    this.#client.end();
    this.#finish('success');
  }

  #follow(record: SessionRecord): void {
    if (this.#isOver) return;
    const replica = this.#ctx.server(this.#request.server)?.bySlot(record.slot);
    if (!replica) return this.#later(() => this.moved(null));
    if (this.#target && lifeOf(this.#target) === `${record.slot}/${record.upstreamId}`) {
      this.#target = { ...this.#target, record };
      return;
    }
    this.#mustCatchUp = true;
    if (this.#answersLost({ replica, upstreamId: record.upstreamId, record })) return;
    this.#lastEventId = undefined; // ids of events mean something only to the life that gave them
    this.#open({ replica, upstreamId: record.upstreamId, record });
  }

  /** Another gateway may know the session that this one can't find out about: it holds the stream then. */
  #toNeighbour(): void {
    const { incoming, path } = this.#request,
      address = this.#view.relays.find((relay) => relay !== this.#ctx.ownRelay());
    if (
      this.#isHandedOver ||
      !this.#client.isFresh ||
      address === undefined ||
      incoming.headers[HEADER.forwarded] !== undefined
    )
      return this.#fail('recoveryFailed');
    this.#isHandedOver = true;
    this.#call = this.#ctx.upstream.send(
      {
        address,
        method: 'GET',
        path,
        headers: neighbourHeaders(incoming.rawHeaders),
        body: null,
        connectTimeoutMs: this.#view.policy.timeouts.connectMs,
      },
      new UpstreamAnswer(this),
    );
  }

  #open(target: Target): void {
    if (this.#isOver) return;
    this.#call?.abort();
    if (this.#retry) clearTimeout(this.#retry);
    this.#target = target;
    this.#outcome.sent(target.replica, null);
    if ((target.record?.epoch ?? 0) > 0 && this.#client.isFresh) this.#mustCatchUp = true;
    const headers = [...this.#headers, HEADER.sessionId, target.upstreamId!];
    if (this.#lastEventId !== undefined) headers.push('last-event-id', this.#lastEventId);
    this.#call = this.#ctx.upstream.send(
      {
        address: target.replica.address,
        method: 'GET',
        path: this.#request.path,
        headers,
        body: null,
        connectTimeoutMs: this.#view.policy.timeouts.connectMs,
      },
      new UpstreamAnswer(this),
    );
  }

  onSse(status: number, headers: IncomingHttpHeaders): void {
    this.#openedMs = this.#ctx.now();
    this.#retryMs = RETRY_MS.first;
    if (this.#client.isFresh) {
      this.#client.openSse(status, headers, this.#openedMs);
      this.#note(true);
    }
    if (this.#mustCatchUp) this.#catchUp();
  }

  onEvent(event: SseEvent): void {
    if (event.id !== null) this.#lastEventId = event.id;
    let raw: Buffer | string = event.raw;
    if (!this.#isHandedOver && event.data !== null && event.data.length > 0) {
      const epoch = this.#target!.record?.epoch ?? 0;
      for (const message of messagesOf(readRpcBody(event.data))) {
        const { kind, method } = message;
        this.#ctx.serverRequests.sentToClient(this.#request.digest, message);
        if (kind === 'response') this.#answered();
        else if (method === 'notifications/tools/list_changed') this.#ctx.tools.forget(this.#request.server);
        else if (
          epoch > 0 &&
          this.#view.policy.guard.length === 2 &&
          (kind === 'request' || method === 'notifications/cancelled')
        )
          raw = stampEvent(event, epoch);
      }
    }
    this.onPiece(raw, true);
  }

  onPiece(bytes: Buffer | string, isLast: boolean): void {
    if (!this.#client.write(bytes, this.#ctx.now(), isLast)) this.#call?.pause();
  }

  onBytes(status: number, headers: IncomingHttpHeaders): void {
    if (this.#client.isFresh) this.#client.openBytes(status, headers);
    else this.ended();
  }

  onWhole(status: number, headers: IncomingHttpHeaders, body: Buffer): void {
    this.#call = null;
    if (this.#isHandedOver) {
      this.#client.whole(status, headers, body);
      return this.#finish(status < 400 ? 'success' : 'client_fault');
    }
    if (status === 404) return this.#lost('unknown-session');
    // The replica has not noticed yet that the stream before this one is gone.
    if (status === 409 && !this.#client.isFresh) return this.#later(() => this.#open(this.#target!));
    if (status === 400 && this.#lastEventId !== undefined) {
      this.#lastEventId = undefined;
      this.#mustCatchUp = true;
      return this.#open(this.#target!);
    }
    if (status >= 500 && !this.#client.isFresh) return this.#later(() => this.#open(this.#target!));
    if (!this.#client.isFresh) return this.ended();
    this.#client.whole(status, headers, body);
    this.#finish(status < 400 ? 'success' : 'client_fault');
  }

  onFinished(isCut: boolean): void {
    this.#call = null;
    if (isCut) {
      this.#client.cut();
      return this.#finish('replica_fault');
    }
    // A server that gives ids wants its streams resumed by the client; one that ends them at once doesn't want any.
    if (
      this.#lastEventId !== undefined ||
      this.#isHandedOver ||
      this.#ctx.now() - this.#openedMs < SHORT_LIFE_MS ||
      !this.#client.isSse
    )
      return this.ended();
    this.#probe();
  }

  onFailure(failure: UpstreamFailure): void {
    this.#call = null;
    if (this.#isHandedOver) return this.#client.isFresh ? this.#fail('recoveryFailed') : this.ended();
    if (failure.delivery === 'not_sent') return this.#lost('unreachable');
    this.#probe();
  }

  /** The stream broke: is the session gone, or only the connection? */
  #probe(): void {
    const target = this.#target!;
    void probeSession(this.#ctx, this.#view.policy, target, this.#headers).then((state) => {
      if (this.#isOver || this.#target !== target) return;
      if (state !== 'alive') return this.#lost(state);
      this.#mustCatchUp = this.#lastEventId === undefined;
      this.#open(target);
    });
  }

  #lost(reason: RecoveryReason): void {
    const { server, digest } = this.#request,
      target = this.#target!;
    if (reason === 'unreachable' || reason === 'unknown-session' || reason === 'hanging')
      this.#ctx.report({ server, slot: target.replica.slot, kind: reason });
    if (target.record) return void this.#recover(target.record, reason);
    void this.#ctx.directory.find(server, digest!).then((found) => {
      if (this.#isOver) return undefined;
      if (found.kind !== 'live')
        return this.#refused({ kind: 'refused', reason: found.kind === 'unsure' ? 'unsure' : 'unknown' }, null);
      const { record } = found;
      if (record.slot !== target.replica.slot || record.upstreamId !== target.upstreamId) return this.#follow(record);
      return this.#recover(record, reason);
    });
  }

  async #recover(record: SessionRecord, reason: RecoveryReason): Promise<void> {
    const recovered = await this.#ctx.recovery.recover({
      record,
      reason,
      headers: this.#headers,
      urgency: this.#client.isFresh ? 'triggered' : 'background',
    });
    if (this.#isOver) return;
    if (recovered.kind === 'refused') return this.#refused(recovered, record);
    // it may have come as a 'moved' event already
    if (!this.#call) this.#follow(recovered.record);
  }

  #refused({ reason, answer }: Extract<Recovered, { kind: 'refused' }>, record: SessionRecord | null): void {
    const isGone = reason === 'unknown' || reason === 'capability' || reason === 'policy';
    if (this.#client.isFresh) {
      if (reason === 'unsure') return this.#toNeighbour();
      if (reason !== 'unauthorized' || !answer)
        return this.#fail(
          reason === 'policy' && this.#view.policy.onReplicaLoss === 'fail'
            ? 'noReplica'
            : reason === 'policy'
              ? 'sessionNotFound'
              : errorOfRefusal(reason),
        );
      this.#client.whole(answer.status, answer.headers, answer.body);
      return this.#finish('client_fault');
    }
    // Without the right to rebuild it there is nothing to hold on to; the client's next request says why.
    if (isGone || reason === 'unauthorized') return this.ended();
    this.#later(() => (record ? void this.#recover(record, 'unreachable') : this.#lost('unreachable')));
  }

  /** Calls whose stream the dead life had closed to be resumed: their answers will never come, and somebody has to say so. */
  #answersLost(target: Target): boolean {
    if (this.#resumesFrom === undefined) return false;
    const ids = this.#ctx.resumptions.takeLost(this.#request.digest!, this.#resumesFrom, lifeOf(target));
    if (ids.length === 0) return false;
    const facts = {
      server: this.#request.server,
      replica: target.replica.slot,
      attempts: 1,
      outcome: 'sent_no_response' as const,
      retrySafe: false,
      sessionRecovered: true,
    };
    if (this.#client.isFresh) this.#client.openSse(200, {}, this.#ctx.now());
    this.#client.errors(200, meshErrors('replicaLost', ids, facts));
    this.#finish('replica_fault');
    return true;
  }

  #answered(): void {
    if (this.#resumesFrom !== undefined) this.#ctx.resumptions.forget(this.#request.digest!, this.#resumesFrom);
    this.#resumesFrom = undefined;
  }

  /** What the client missed while nobody held its stream is told again. */
  #catchUp(): void {
    this.#mustCatchUp = false;
    const record = this.#target!.record ?? this.#ctx.directory.peek(this.#request.server, this.#request.digest!);
    if (record) for (const note of catchUpNotifications(record)) this.onPiece(sseMessage(note), true);
  }

  #later(run: () => void): void {
    if (this.#isOver) return;
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = setTimeout(run, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.last);
  }

  #note(hasGetStream: boolean): void {
    const { server, digest } = this.#request;
    if (this.#ctx.directory.peek(server, digest!)?.hasGetStream !== hasGetStream)
      void this.#ctx.directory.amend(server, digest!, (record) => ({ ...record, hasGetStream }));
  }

  #fail(kind: MeshError): void {
    const { server } = this.#request,
      replica = this.#target?.replica.slot ?? null;
    this.#client.errors(
      MESH_ERROR[kind].status,
      meshErrors(kind, [], {
        server,
        replica,
        attempts: 1,
        outcome: 'not_sent',
        retrySafe: true,
        sessionRecovered: false,
      }),
    );
    this.#finish(outcomeOfError(kind));
  }

  #finish(kind: Parameters<ExchangeOutcome['finish']>[2]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#retry) clearTimeout(this.#retry);
    this.#call?.abort();
    this.#ctx.streams.delete(this.#request.server, this.#request.digest!, this);
    if (this.#openedMs > 0) this.#note(false);
    this.#ctx.serverRequests.forgetIdle(this.#request.digest, this.#ctx.calls);
    this.#outcome.finish(this.#client.status, false, kind);
  }
}
