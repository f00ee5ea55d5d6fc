import type { IncomingHttpHeaders } from 'node:http';
import { messagesOf, readRpcBody, type RpcMessage } from '../../proto/json-rpc.ts';
import { clientSessionId } from '../../proto/session-id.ts';
import { RECORD_VERSION, sessionDigest, type SessionRecord } from '../../proto/session-record.ts';
import type { SseEvent } from '../../proto/sse-reader.ts';
import { sseEvent, sseMessage } from '../../proto/sse-writer.ts';
import { catchUpNotifications } from '../recovery/recovery-plan.ts';
import { replaySafety } from '../recovery/replay-safety.ts';
import { ownMessageHeaders, upstreamHeaders } from '../recovery/upstream-headers.ts';
import type { UpstreamFailure } from '../recovery/upstream.ts';
import { principalOf } from '../routing/principal.ts';
import type { ServerView } from '../xds/topology.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ClientRequest } from './client-request.ts';
import { ExchangeOutcome } from './exchange-outcome.ts';
import { learnFromAnswer } from './learn-from-answer.ts';
import { MESH_ERROR, meshErrors, outcomeOfError } from './mesh-errors.ts';
import type { RelayContext } from './relay-context.ts';
import { endpointId, meshEndpoint } from './sse-endpoint.ts';
import { SseLife, type LifeListener } from './sse-life.ts';
import { rebuildSse } from './sse-rebuild.ts';

/** Calls of one session that are followed until their answer; those beyond are not answered should their replica die. */
const MAX_PENDING = 1000;
/** `slot`: the life that took it; null until one did. */
interface PendingCall { message: RpcMessage; body: Buffer; outcome: ExchangeOutcome; slot: string | null }

/** An HTTP+SSE session (2024-11-05) whose stream this relay holds: the session lives for as long as its client's GET. */
export class SseHolder implements LifeListener {
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #request: ClientRequest;
  readonly #client: ClientAnswer;
  readonly #outcome: ExchangeOutcome;
  readonly #headers: string[];
  readonly #tried = new Set<string>();
  readonly #pending = new Map<string, PendingCall>();
  #life: SseLife | null = null;
  #clientId: string | null = null;
  #digest: string | null = null;
  #rebuilding: Promise<void> | null = null;
  #isOver = false;

  constructor(ctx: RelayContext, view: ServerView, request: ClientRequest, client: ClientAnswer) {
    this.#ctx = ctx;
    this.#view = view;
    this.#request = request;
    this.#client = client;
    this.#outcome = new ExchangeOutcome(ctx, request, null);
    this.#headers = upstreamHeaders(request.incoming.rawHeaders, null, view.policy.hostOverride);
    client.onGone(() => this.#finish('cancelled'));
    client.onDrain(() => this.#life?.resume());
  }

  run(): void {
    const replica = this.#ctx.place(this.#ctx.server(this.#request.server) ?? this.#view, this.#tried);
    if (!replica) return this.#refuse();
    this.#tried.add(replica.slot);
    this.#outcome.sent(replica, null);
    this.#life = new SseLife(this.#ctx, this.#view, replica, this.#headers, this);
  }

  /** The rebuilding that is under way, if any. */
  get rebuilding(): Promise<void> | null { return this.#rebuilding; }

  /** A message that goes up: its answer comes on this stream. */
  posted(message: RpcMessage, body: Buffer, outcome: ExchangeOutcome): void {
    if (message.kind === 'request' && message.idText !== null && this.#pending.size < MAX_PENDING) this.#pending.set(message.idText, { message, body, outcome, slot: null });
    else outcome.finish(202, false, 'unread');
  }
  /** The life on `slot` has it, or may have it. */
  taken(message: RpcMessage, slot: string): void {
    const call = message.idText === null ? undefined : this.#pending.get(message.idText);
    if (!call) return;
    call.slot = slot;
    if (!this.#rebuilding && this.#life && this.#life.replica.slot !== slot) void this.#again(call, this.#life); // that life ended meanwhile
  }

  /** It was refused after all. */
  withdrawn(message: RpcMessage): void { if (message.idText !== null) this.#pending.delete(message.idText); }

  close(): void {
    this.#client.end();
    this.#finish('success');
  }

  onOpened(life: SseLife, status: number, headers: IncomingHttpHeaders): void { if (life === this.#life && this.#client.isFresh) this.#client.openSse(status, headers, this.#ctx.now()); }

  onRefused(life: SseLife, status: number, headers: IncomingHttpHeaders, body: Buffer): void {
    if (life !== this.#life || !this.#client.isFresh) return;
    this.#client.whole(status, headers, body);
    this.#finish(status < 400 ? 'success' : 'client_fault');
  }

  onEvent(life: SseLife, event: SseEvent): void {
    if (life !== this.#life) return;
    if (event.name === 'endpoint' && this.#clientId === null) return life.endpoint === null ? this.close() : this.#begin(life);
    if (event.name === 'endpoint') return;
    if (event.data) for (const message of messagesOf(readRpcBody(event.data))) this.#note(message, event.data);
    this.onPiece(life, event.raw, true);
  }

  onPiece(life: SseLife, bytes: Buffer | string, isLast: boolean): void {
    if (life === this.#life && !this.#client.write(bytes, this.#ctx.now(), isLast)) life.pause();
  }

  onOver(life: SseLife, failure: UpstreamFailure | null): void {
    if (life !== this.#life || this.#isOver) return;
    if (this.#client.isFresh) {
      if (failure?.delivery === 'not_sent') this.#ctx.report({ server: this.#request.server, slot: life.replica.slot, kind: 'unreachable' });
      return this.run();
    }
    if (this.#clientId === null) return this.close(); // some other stream, which nobody can rebuild
    this.#rebuilding ??= this.#rebuild(life).finally(() => { this.#rebuilding = null; });
  }

  #begin(life: SseLife): void {
    const { server, incoming } = this.#request, principal = principalOf(incoming.headers.authorization, this.#view.policy.bind), upstreamId = endpointId(life.endpoint!), nowMs = this.#ctx.now();
    this.#clientId = clientSessionId({ slot: life.replica.slot, upstreamId, principal });
    this.#digest = sessionDigest(this.#clientId);
    const original = incoming.headers['x-envoy-original-path'], path = typeof original === 'string' ? original : `/mcp/${server}`;
    const record: SessionRecord = {
      version: RECORD_VERSION, server, type: 'sse', digest: this.#digest, principal, userId: principal === null ? 'anonymous' : principal.slice(0, 12), initializeParams: null, protocolVersion: '', capabilities: {},
      logLevel: null, subscriptions: [], hasGetStream: true, backend: life.replica.backend, slot: life.replica.slot, upstreamId, epoch: 0, createdAtMs: nowMs, lastActivityMs: nowMs, isTombstone: false,
    };
    this.#ctx.sse.add(this.#digest, this);
    this.#ctx.metrics.created(server, record.backend);
    void this.#ctx.directory.remember(record).then(() => this.onPiece(this.#life!, sseEvent(meshEndpoint(path, this.#clientId!), { name: 'endpoint' }), true));
  }

  #note(answer: RpcMessage, data: Buffer): void {
    if (answer.method === 'notifications/tools/list_changed') this.#ctx.tools.forget(this.#request.server);
    if (answer.kind !== 'response' || answer.idText === null) return;
    const call = this.#pending.get(answer.idText);
    if (call) {
      this.#pending.delete(answer.idText);
      call.outcome.answered(answer);
      call.outcome.finish(200, false);
      learnFromAnswer(this.#ctx, this.#request.server, this.#digest, call.message, answer, data);
    }
    if (this.#digest !== null && this.#ctx.directory.peek(this.#request.server, this.#digest)?.protocolVersion === '') this.#noteInitialized(data);
  }

  /** What the first replica promised: another one must promise it too. */
  #noteInitialized(data: Buffer): void {
    const { protocolVersion, capabilities } = (JSON.parse(data.toString()) as { result?: { protocolVersion?: unknown; capabilities?: unknown } }).result ?? {};
    if (typeof protocolVersion !== 'string' || capabilities === null || typeof capabilities !== 'object') return;
    void this.#ctx.directory.amend(this.#request.server, this.#digest!, (record) => ({ ...record, protocolVersion, capabilities: capabilities as Record<string, unknown> }));
  }

  async #rebuild(dead: SseLife): Promise<void> {
    const { server } = this.#request, startedMs = this.#ctx.now();
    this.#ctx.report({ server, slot: dead.replica.slot, kind: 'unreachable' });
    const found = await this.#ctx.directory.find(server, this.#digest!);
    const rebuilt = found.kind === 'live' ? await rebuildSse(this.#ctx, server, found.record, this.#headers, this) : { kind: 'refused' as const, result: 'unknown' as const };
    if (this.#isOver) return rebuilt.kind === 'built' ? rebuilt.life.close() : undefined;
    this.#ctx.metrics.recovery(server, 'unreachable', rebuilt.kind === 'built' ? 'recovered' : rebuilt.result, this.#ctx.now() - startedMs);
    if (rebuilt.kind === 'refused') {
      this.#ctx.metrics.lost(server, rebuilt.result === 'recovered' || rebuilt.result === 'followed' ? 'failed' : rebuilt.result);
      for (const call of [...this.#pending.values()]) this.#fail(call, false);
      return this.close();
    }
    this.#life = rebuilt.life;
    for (const note of catchUpNotifications(rebuilt.record)) this.onPiece(rebuilt.life, sseMessage(note), true);
    for (const call of [...this.#pending.values()]) if (call.slot === dead.replica.slot) void this.#again(call, rebuilt.life);
  }

  /** A call whose answer died with its replica: carried out again when that is safe, else its client is told. */
  async #again(call: PendingCall, life: SseLife): Promise<void> {
    const { method, name } = call.message, { server } = this.#request, { trustAnnotations, retrySafeTools, timeouts } = this.#view.policy;
    const { isSafe } = replaySafety({ method, tool: method === 'tools/call' ? name : null, annotations: name === null ? undefined : this.#ctx.tools.of(server, name), trustAnnotations, retrySafeTools, delivery: 'sent_no_response' });
    this.#ctx.metrics.retry(server, isSafe ? 'sent' : 'unsafe');
    if (!isSafe) return this.#fail(call, true);
    call.slot = life.replica.slot;
    const answer = await life.post(call.body, ownMessageHeaders(this.#headers, null, null), timeouts.recoveryMs);
    if (answer.kind !== 'answered' || answer.status >= 300) this.#fail(call, true);
  }

  #fail({ message, outcome, slot }: PendingCall, sessionRecovered: boolean): void {
    this.#pending.delete(message.idText!);
    this.#ctx.metrics.ambiguousCall(this.#request.server);
    const [error] = meshErrors('replicaLost', [message.id], { server: this.#request.server, replica: slot, attempts: 1, outcome: slot === null ? 'not_sent' : 'sent_no_response', retrySafe: slot === null, sessionRecovered });
    this.onPiece(this.#life!, sseMessage(error), true);
    outcome.finish(200, false, 'replica_fault');
  }

  #refuse(): void {
    this.#client.errors(MESH_ERROR.noReplica.status, meshErrors('noReplica', [], { server: this.#request.server, replica: null, attempts: this.#tried.size, outcome: 'not_sent', retrySafe: true, sessionRecovered: false }));
    this.#finish(outcomeOfError('noReplica'));
  }

  #finish(kind: Parameters<ExchangeOutcome['finish']>[2]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#life?.close();
    for (const { outcome } of this.#pending.values()) outcome.finish(0, false, 'cancelled');
    this.#outcome.finish(this.#client.status, false, kind);
    if (this.#digest === null) return;
    this.#ctx.sse.delete(this.#digest);
    this.#ctx.metrics.ended(this.#request.server, 'deleted');
    void this.#ctx.directory.tombstone(this.#request.server, this.#digest); // without its stream the session is over
  }
}
