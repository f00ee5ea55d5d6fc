import { clientAddress } from '../../budget/client-address.ts';
import type { IncomingHttpHeaders } from 'node:http';
import { messagesOf, readRpcBody, type RpcMessage } from '../../../proto/json-rpc.ts';
import type { RpcError } from '../../../proto/rpc-error.ts';
import type { SseEvent } from '../../../proto/sse-reader.ts';
import { sseEvent, sseMessage } from '../../../proto/sse-writer.ts';
import { HEADER } from '../../../proto/wire.ts';
import { catchUpNotifications } from '../../recovery/recovery-plan.ts';
import { upstreamHeaders } from '../../replica/headers.ts';
import type { ReplicaFailure } from '../../replica/client.ts';
import { newSession } from '../../session/new-session.ts';
import type { ServerView } from '../../xds/topology.ts';
import { cancelledMessage } from '../../replica/session-messages.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest } from '../client/client-request.ts';
import { RequestOutcome } from '../call/request-outcome.ts';
import { learnFromAnswer } from '../call/learn-from-answer.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, type MeshError } from '../client/mesh-errors.ts';
import type { RelayContext } from '../relay-context.ts';
import { PendingCalls, type PendingCall } from './pending-calls.ts';
import { FollowUp } from './follow-up.ts';
import { endpointId, meshEndpoint } from './endpoint.ts';
import { holderName } from './hand-over.ts';
import { notePromised } from './locate-http-sse.ts';
import { NO_HEAD, ReplicaStream, type ReplicaStreamListener } from './replica-stream.ts';
import { bringStreamBack } from './bring-stream-back.ts';
import { asAsked } from '../../principal/identities.ts';

/** An HTTP+SSE session (2024-11-05) whose stream this relay holds: the session lives for as long as its client's GET. */
export class HttpSseSession implements ReplicaStreamListener {
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #request: ClientRequest;
  readonly #client: ClientAnswer;
  readonly #outcome: RequestOutcome;
  readonly #headers: string[];
  readonly #tried = new Set<string>();
  readonly calls: PendingCalls;
  readonly #followUp: FollowUp;
  #stream: ReplicaStream | null = null;
  #clientId: string | null = null;
  #digest: string | null = null;
  #rebuilding: Promise<void> | null = null;
  #isSuspecting = false;
  /** Ends as soon as no call waits. */
  #isEnding = false;
  #isOver = false;
  constructor(ctx: RelayContext, view: ServerView, request: ClientRequest, client: ClientAnswer) {
    this.#ctx = ctx;
    this.#view = view;
    this.#request = request;
    this.#client = client;
    this.#outcome = new RequestOutcome(ctx, request, null);
    this.#headers = upstreamHeaders(request.incoming.rawHeaders, null, view.policy.hostOverride);
    this.calls = new PendingCalls(
      () => (ctx.server(request.server) ?? view).policy,
      ctx.now,
      (call) => client.guard(() => this.#expired(call)),
      (count, change) => {
        const budget = ctx.budget(request.server);
        if (change > 0) budget.began();
        else budget.ended();
        client.giveUp = count > 0 ? () => this.#giveUp() : null;
        // After the answer that was the last.
        if (count === 0 && this.#isEnding) setImmediate(() => client.guard(() => this.close()));
      },
      // Nobody can tell which call of the stream the server's request belongs to.
      () => ctx.serverRequests.isWaiting(this.#digest),
    );
    this.#followUp = new FollowUp(ctx, view, this.calls, (error) => this.tell(error));
    client.onGone(() => this.#finish('cancelled'));
    client.onDrain(() => this.#stream?.resume());
    client.onCrash = () => this.#giveUp();
  }

  get server(): string {
    return this.#request.server;
  }

  run(): void {
    const replica = this.#ctx.place(this.#ctx.server(this.#request.server) ?? this.#view, this.#tried);
    if (!replica) return this.#refuse();
    this.#tried.add(replica.slot);
    this.#outcome.sent(replica, null);
    this.#stream = new ReplicaStream(this.#ctx, this.#view, replica, this.#headers, this, this.#client);
    // A client of a later revision names it, and its server may begin the stream with its first event.
    const { [HEADER.protocolVersion]: revision } = this.#request.incoming.headers;
    if (revision === undefined) this.#stream.expectHead(this.#view.policy.timeouts.initializeMs);
  }

  /** The rebuilding that is under way, if any. */
  get rebuilding(): Promise<void> | null {
    return this.#rebuilding;
  }

  /** A message that goes up: its answer comes on this stream. */
  posted(message: RpcMessage, body: Buffer, outcome: RequestOutcome): void {
    if (!this.calls.add(message, body, outcome)) outcome.finish(202, false, 'unread');
  }
  /** The replica of `slot` has it, or may have it. */
  taken(message: RpcMessage, slot: string): void {
    const call = this.calls.of(message);
    if (!call) return;
    call.slot = slot;
    const stream = this.#stream;
    // Its stream ended meanwhile.
    if (!this.#rebuilding && stream && stream.replica.slot !== slot)
      this.#client.guard(() => this.#followUp.again(call, stream));
  }

  failed(message: RpcMessage, error: MeshError): void {
    const call = this.calls.of(message);
    if (call) this.#followUp.fail(call, error, false);
  }

  /** Its replica was restarted, and took the stream before anybody gave it a new slot: nobody finds the session there. */
  slotEnded(): void {
    const stream = this.#stream;
    if (this.#isOver || this.#rebuilding || !stream || stream.isOver) return;
    stream.close();
    this.#leave(stream, 'unreachable');
  }

  tell(error: RpcError): void {
    if (this.#stream) this.onPiece(this.#stream, sseMessage(error), true);
  }

  /** Ends the stream: its client comes back to another node. Calls that wait for their answer have it first, or hear that there is none (`giveUp`). */
  close(): void {
    this.#isEnding = true;
    if (this.calls.size > 0) return;
    this.#client.end();
    this.#finish('success');
  }

  #giveUp(): void {
    this.#failAll(() => true);
    this.close();
  }

  #failAll(which: (call: PendingCall) => boolean): void {
    for (const call of this.calls.all) if (which(call)) this.#followUp.fail(call, 'replicaLost', false);
  }

  onOpened(stream: ReplicaStream, status: number, headers: IncomingHttpHeaders): void {
    if (stream === this.#stream && this.#client.isFresh) this.#client.openSse(status, headers, this.#ctx.now());
  }

  onRefused(stream: ReplicaStream, status: number, headers: IncomingHttpHeaders, body: Buffer): void {
    if (stream !== this.#stream || !this.#client.isFresh) return;
    this.#client.whole(status, headers, body);
    this.#finish(status < 400 ? 'success' : 'client_fault');
  }

  onEvent(stream: ReplicaStream, event: SseEvent): void {
    if (stream !== this.#stream) return;
    if (event.name === 'endpoint' && this.#clientId === null)
      return stream.endpoint === null ? this.close() : this.#begin(stream, stream.endpoint);
    if (event.name === 'endpoint') return;
    if (event.data && this.#isForNobody(event.data)) return;
    this.onPiece(stream, event.raw, true);
  }

  /** Takes note of a message of the server. True: it answers a call whose client was told that there is no answer. */
  #isForNobody(data: Buffer): boolean {
    const messages = messagesOf(readRpcBody(data));
    const [only] = messages;
    if (messages.length === 1 && only && this.calls.isLate(only)) return true;
    for (const message of messages) this.#note(message, data);
    return false;
  }

  onPiece(stream: ReplicaStream, bytes: Buffer | string, isLast: boolean): void {
    if (stream === this.#stream && !this.#client.write(bytes, this.#ctx.now(), isLast)) stream.pause();
  }

  onOver(stream: ReplicaStream, failure: ReplicaFailure | null): void {
    if (stream !== this.#stream || this.#isOver) return;
    if (this.#client.isFresh) {
      const kind = failure?.code === NO_HEAD ? 'hanging' : 'unreachable';
      if (kind === 'hanging' || failure?.delivery === 'not_sent')
        this.#ctx.report({ server: this.server, slot: stream.replica.slot, kind });
      return this.run();
    }
    if (this.#clientId === null) return this.close(); // some other stream, which nobody can rebuild
    this.#leave(stream, 'unreachable');
  }

  #leave(stream: ReplicaStream, reason: 'unreachable' | 'hanging'): void {
    if (this.#rebuilding) return;
    const rebuilding = this.#rebuild(stream, reason).finally(() => {
      this.#rebuilding = null;
    });
    this.#rebuilding = rebuilding.catch(() => undefined);
    this.#client.guard(() => rebuilding);
  }

  #begin(stream: ReplicaStream, endpoint: string): void {
    const { server, incoming, shown } = this.#request,
      owner = this.#ctx.identities.ownerOf(shown, this.#headers, asAsked(this.#view.policy, 'sse')),
      upstreamId = endpointId(endpoint),
      { backend, slot } = stream.replica;
    const original = incoming.headers['x-envoy-original-path'],
      path = typeof original === 'string' ? original : `/mcp/${server}`;
    const { clientId, record } = newSession(
      { server, backend, slot, upstreamId, ...owner, nowMs: this.#ctx.now() },
      { type: 'sse', hasGetStream: true, holder: holderName(this.#ctx.ownRelay) },
    );
    [this.#clientId, this.#digest] = [clientId, record.digest];
    this.#ctx.httpSse.add(record.digest, this);
    this.#ctx.metrics.created(server, record.backend);
    this.#ctx.sessions.began(record, clientAddress(incoming.headers), 0);
    this.#client.guard(async () => {
      await this.#ctx.directory.remember(record);
      this.onPiece(this.#stream ?? stream, sseEvent(meshEndpoint(path, clientId), { name: 'endpoint' }), true);
    });
  }

  #note(answer: RpcMessage, data: Buffer): void {
    if (answer.method === 'notifications/tools/list_changed') this.#ctx.tools.forget(this.#request.server);
    this.#ctx.serverRequests.sentToClient(this.#digest, answer);
    this.calls.heard(answer, data);
    if (answer.kind !== 'response' || answer.idText === null) return;
    const call = this.calls.remove(answer);
    if (call) {
      call.outcome.answered(answer);
      call.outcome.finish(200, false);
      learnFromAnswer(this.#ctx, this.#request.server, this.#digest, call.message, answer, data);
    }
    const digest = this.#digest;
    if (digest !== null && this.#ctx.directory.peek(this.server, digest)?.protocolVersion === '')
      this.#client.guard(() => notePromised(this.#ctx, this.#request, digest, data));
  }

  /** `slots`: whose calls wait for this rebuilding. */
  async #rebuild(dead: ReplicaStream, reason: 'unreachable' | 'hanging', slots = [dead.replica.slot]): Promise<void> {
    const digest = this.#digest;
    if (digest === null) throw new Error('a stream that named no endpoint has no session');
    const [request, headers, client] = [this.#request, this.#headers, this.#client];
    // What no replica has had waits for its own time (post-message.ts).
    const refused = (): void => this.#failAll((call) => call.slot !== null);
    const lost = { dead, digest, reason, request, headers, client, listener: this, refused };
    const back = await bringStreamBack(this.#ctx, this.#view, lost);
    if (this.#isOver) return back?.stream.close();
    if (!back) return this.#giveUp();
    const { record, stream } = back;
    this.#stream = stream;
    // It ended while the move was written down, before anybody listened for that.
    if (stream.isOver) return this.#rebuild(stream, 'unreachable', [...slots, stream.replica.slot]);
    for (const note of catchUpNotifications(record)) this.onPiece(stream, sseMessage(note), true);
    for (const call of this.calls.all)
      if (call.slot !== null && slots.includes(call.slot)) this.#client.guard(() => this.#followUp.again(call, stream));
  }

  /** Its deadline is over. The next one finds the session elsewhere, if the replica doesn't even answer a ping. */
  #expired(call: PendingCall): void {
    const stream = this.#stream;
    const { connectMs } = this.#view.policy.timeouts;
    this.#followUp.fail(call, 'deadline', false);
    if (this.#rebuilding || !stream || stream.isOver) return;
    this.#client.guard(() => stream.post(cancelledMessage(call.message), connectMs));
    this.#client.guard(() => this.#suspect(stream, connectMs));
  }

  async #suspect(stream: ReplicaStream, timeoutMs: number): Promise<void> {
    if (this.#isSuspecting) return;
    this.#isSuspecting = true;
    const answer = await stream.ask({ jsonrpc: '2.0', id: 'holdfast-ping', method: 'ping' }, timeoutMs);
    this.#isSuspecting = false;
    if (answer || this.#isOver || this.#rebuilding || stream !== this.#stream || stream.isOver) return;
    stream.close();
    this.#leave(stream, 'hanging');
  }

  #refuse(): void {
    const facts = { server: this.#request.server, replica: null, attempts: this.#tried.size } as const;
    const told = { ...facts, outcome: 'not_sent', retrySafe: true, sessionRecovered: false } as const;
    this.#client.errors(MESH_ERROR.noReplica.status, meshErrors('noReplica', [], told));
    this.#finish(outcomeOfError('noReplica'));
  }

  #finish(kind: Parameters<RequestOutcome['finish']>[2]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream?.close();
    for (const { message, outcome } of this.calls.all) {
      outcome.finish(0, false, 'cancelled');
      this.calls.remove(message);
    }
    this.#outcome.finish(this.#client.status, false, kind);
    if (this.#digest === null) return;
    this.#ctx.httpSse.delete(this.#digest);
    this.#ctx.serverRequests.forget(this.#digest);
    this.#ctx.metrics.ended(this.#request.server, 'deleted', this.#ctx.now() - this.#request.startedMs);
    const { server } = this.#request;
    const digest = this.#digest;
    // Without its stream the session is over.
    this.#client.guard(() => this.#ctx.directory.tombstone(server, digest));
  }
}
