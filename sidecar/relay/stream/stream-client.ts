import type { IncomingHttpHeaders } from 'node:http';
import { messagesOf, readRpcBody } from '../../../proto/json-rpc.ts';
import type { RpcId } from '../../../proto/rpc-error.ts';
import type { SseEvent } from '../../../proto/sse-reader.ts';
import { sseMessage } from '../../../proto/sse-writer.ts';
import { catchUpNotifications } from '../../recovery/recovery-plan.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { Recovered } from '../../recovery/recovery-request.ts';
import { stampEvent } from '../call/answer-tracker.ts';
import { bringBack, type LostSession } from '../call/bring-back.ts';
import { tracedRecovery } from '../call/trace-post.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest } from '../client/client-request.ts';
import { RequestOutcome } from '../call/request-outcome.ts';
import { upstreamSessionOf, type WholeAnswer } from '../call/target.ts';
import { forgetPolled, lostPolled } from './polled-calls.ts';
import type { SessionLocation } from '../call/locate-session.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, type ErrorFacts, type MeshError } from '../client/mesh-errors.ts';
import type { RelayContext } from '../relay-context.ts';

/** The client's side of a GET stream: what it was told, what it has to be told again, and how it ends. */
export class StreamClient {
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #server: string;
  readonly #digest: string;
  readonly #client: ClientAnswer;
  readonly outcome: RequestOutcome;
  /** Id of the last event: where the replica is asked to go on. */
  lastEventId: string | undefined;
  /** The event that the client came back with, while calls may wait for what follows it. */
  #resumesFrom: string | undefined;
  /** Something may have happened while nobody held the stream. */
  mustCatchUp = false;
  /** A replica's stream was passed on. */
  wasOpen = false;

  constructor(
    ctx: RelayContext,
    view: ServerView,
    request: ClientRequest,
    digest: string,
    client: ClientAnswer,
    lastEventId: string | undefined,
  ) {
    this.#ctx = ctx;
    this.#view = view;
    this.#server = request.server;
    this.#digest = digest;
    this.#client = client;
    this.outcome = new RequestOutcome(ctx, request, null);
    this.#resumesFrom = this.lastEventId = lastEventId;
  }

  opened(status: number, headers: IncomingHttpHeaders, target: SessionLocation): void {
    if (this.#client.isFresh) this.#client.openSse(status, headers, this.#ctx.now());
    if (!this.wasOpen) this.#note(true);
    this.wasOpen = true;
    if (this.mustCatchUp) this.#catchUp(target);
  }

  /** The replica does not know the last event: what happened since is told anew. */
  startFromNow(): void {
    this.lastEventId = undefined;
    this.mustCatchUp = true;
  }

  /** There is no replica now; the client gets its stream, and later what it missed. */
  openedWithoutReplica(): void {
    this.#client.openSse(200, {}, this.#ctx.now());
    this.mustCatchUp = true;
  }

  /** Passes an event on. False: wait until the client has read. */
  event(event: SseEvent, target: SessionLocation): boolean {
    if (event.id !== null) this.lastEventId = event.id;
    let raw: Buffer | string = event.raw;
    if (event.data !== null && event.data.length > 0) {
      const epoch = this.#view.policy.guard.length === 2 ? (target.record?.epoch ?? 0) : 0;
      for (const message of messagesOf(readRpcBody(event.data))) {
        const { kind, method } = message;
        this.#ctx.serverRequests.sentToClient(this.#digest, message);
        if (kind === 'response') this.#answered();
        else if (method === 'notifications/tools/list_changed') this.#ctx.tools.forget(this.#server);
        else if (epoch > 0 && (kind === 'request' || method === 'notifications/cancelled'))
          raw = stampEvent(event, epoch);
      }
    }
    return this.write(raw, true);
  }

  write(bytes: Buffer | string, isLast: boolean): boolean {
    return this.#client.write(bytes, this.#ctx.now(), isLast);
  }

  /** The replica's own answer, which is no stream, or the end of the stream that is open. */
  pass({ status, headers, body }: WholeAnswer): void {
    if (!this.#client.isFresh) return this.end();
    this.#client.whole(status, headers, body);
    this.finish(status < 400 ? 'success' : 'client_fault');
  }

  end(): void {
    this.#client.end();
    this.finish('success');
  }

  /** Part of an event was passed on, and its rest never comes. */
  cut(): void {
    this.#client.cut();
    this.finish('replica_fault');
  }

  fail(kind: MeshError, replica: string | null): void {
    const facts = { outcome: 'not_sent', retrySafe: true, sessionRecovered: false } as const;
    this.#client.errors(MESH_ERROR[kind].status, this.#errors(kind, [], replica, facts));
    this.finish(outcomeOfError(kind));
  }

  /**
   * Calls whose stream a dead upstream session had closed to be resumed: their answers will never come, and the client hears so. False: there are
   * none, or `target` is the session that has their events.
   */
  answersLost(target: SessionLocation): boolean {
    if (this.#resumesFrom === undefined) return false;
    const record = target.record ?? this.#ctx.directory.peek(this.#server, this.#digest);
    const ids = lostPolled(record, this.#resumesFrom, upstreamSessionOf(target));
    if (ids.length === 0) return false;
    this.#answered();
    if (this.#client.isFresh) this.#client.openSse(200, {}, this.#ctx.now());
    const facts = { outcome: 'sent_no_response', retrySafe: false, sessionRecovered: true } as const;
    this.#client.errors(200, this.#errors('replicaLost', ids, target.replica.slot, facts));
    this.finish('replica_fault');
    return true;
  }

  finish(kind: Parameters<RequestOutcome['finish']>[2]): void {
    if (this.wasOpen) this.#note(false);
    this.wasOpen = false;
    this.#ctx.serverRequests.forgetIdle(this.#digest, this.#ctx.calls);
    this.outcome.finish(this.#client.status, false, kind);
  }

  /** The session is lost at its replica: it is rebuilt, and the trace hears of it. */
  bringBack(lost: LostSession): Promise<Recovered> {
    const ctx = this.#ctx;
    return tracedRecovery({ ctx, outcome: this.outcome }, lost.reason, (trace) => bringBack(ctx, { ...lost, trace }));
  }

  #answered(): void {
    const eventId = this.#resumesFrom;
    this.#resumesFrom = undefined;
    const record = this.#ctx.directory.peek(this.#server, this.#digest);
    const isPolled = record === undefined || record.polled?.some((call) => call.eventId === eventId) === true;
    if (eventId === undefined || !isPolled) return;
    const session = { directory: this.#ctx.directory, server: this.#server, digest: this.#digest };
    this.#client.guard(() => forgetPolled(session, eventId));
  }

  #catchUp(target: SessionLocation): void {
    this.mustCatchUp = false;
    const record = target.record ?? this.#ctx.directory.peek(this.#server, this.#digest);
    if (record) for (const note of catchUpNotifications(record)) this.write(sseMessage(note), true);
  }

  #note(hasGetStream: boolean): void {
    const { directory } = this.#ctx;
    if (directory.peek(this.#server, this.#digest)?.hasGetStream === hasGetStream) return;
    this.#client.guard(() => directory.amend(this.#server, this.#digest, (record) => ({ ...record, hasGetStream })));
  }

  #errors(kind: MeshError, ids: readonly RpcId[], replica: string | null, facts: Omit<ErrorFacts, 'attempts'>) {
    return meshErrors(kind, ids, { ...facts, server: this.#server, replica, attempts: 1 } as ErrorFacts);
  }
}
