import { ask, type ReplicaAnswer } from '../replica/ask.ts';
import { upstreamHeaders } from '../replica/headers.ts';
import { refusalOfStranger } from '../recovery/refusal-of-stranger.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import type { AttemptTrace } from '../tracing/attempt-trace.ts';
import type { ServerView } from '../xds/topology.ts';
import { HEADER } from '../../proto/wire.ts';
import type { ClientAnswer } from './client/client-answer.ts';
import type { ClientRequest } from './client/client-request.ts';
import { RequestOutcome } from './call/request-outcome.ts';
import { locateSession, type SessionLocation } from './call/locate-session.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, type MeshError } from './client/mesh-errors.ts';
import type { RelayContext } from './relay-context.ts';

/**
 * DELETE: the replica is asked first, because only it can tell who may end a session; what it refuses changes nothing. Where it has lost the session,
 * or can't say, a request may end the session that may also rebuild it.
 */
export const deleteSession = (
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
): Promise<void> => new Deletion(ctx, view, request, client).run();

class Deletion {
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #request: ClientRequest;
  readonly #client: ClientAnswer;
  readonly #outcome: RequestOutcome;
  #attempts = 0;

  constructor(ctx: RelayContext, view: ServerView, request: ClientRequest, client: ClientAnswer) {
    this.#ctx = ctx;
    this.#view = view;
    this.#request = request;
    this.#client = client;
    this.#outcome = new RequestOutcome(ctx, request, null);
  }

  async run(): Promise<void> {
    const { clientId, digest, shown } = this.#request;
    if (clientId === null || digest === null) throw new Error('a DELETE without a session id was let through');
    const wanted = [this.#ctx, this.#view, clientId, digest, shown] as const;
    const located = await locateSession(...wanted);
    if (located.kind === 'unknown') return this.#fail('sessionNotFound');
    if (located.kind === 'unsure') return this.#fail('sessionUnsure');
    const at = located.kind === 'at' ? located.location : located.fallback;
    const answer = at && (await this.#askReplica(at));
    if (answer?.kind === 'answered' && answer.status !== 404 && answer.status < 500) {
      const { status, headers, body } = answer;
      if (status >= 200 && status < 300) await this.#end(digest, at);
      return this.#pass(status, headers, body);
    }
    const record = located.kind === 'at' ? located.location.record : located.record;
    const isUnknown = answer?.kind === 'answered' && answer.status === 404;
    const refusal = record ? await this.#refusalOf(record) : isUnknown ? 'sessionNotFound' : 'noReplica';
    if (refusal) return this.#fail(refusal);
    await this.#end(digest, at);
    this.#pass(200, {}, Buffer.alloc(0));
  }

  async #askReplica(at: SessionLocation): Promise<ReplicaAnswer> {
    this.#attempts = 1;
    this.#outcome.sent(at.replica, null);
    const trace = this.#outcome.trace?.attempt({ at: 'replica', ...at.replica });
    const answer = await this.#tellReplica(at, trace);
    const atMs = this.#ctx.now();
    if (answer.kind === 'answered') {
      const { status } = answer;
      trace?.end({ error: status >= 400 ? String(status) : null, isFault: status >= 500, httpStatus: status, atMs });
    } else trace?.end({ error: answer.kind, isFault: true, atMs });
    return answer;
  }

  /** Why this request may not end a session of which its replica says nothing. */
  async #refusalOf(record: SessionRecord): Promise<MeshError | null> {
    const headers = this.#request.incoming.rawHeaders;
    if (this.#ctx.identities.mayRebuild(record, headers, this.#view.policy)) return null;
    const refusal = await refusalOfStranger(this.#ctx, { record, headers }, this.#view.policy);
    return refusal && (refusal === 'unsure' ? 'sessionUnsure' : 'sessionNotFound');
  }

  #pass(status: number, headers: Parameters<ClientAnswer['whole']>[1], body: Buffer): void {
    this.#client.whole(status, headers, body);
    this.#outcome.finish(status, false);
  }

  #fail(kind: MeshError): void {
    const { status } = MESH_ERROR[kind];
    const attempts = this.#attempts;
    const facts = { server: this.#request.server, replica: null, attempts, retrySafe: true, sessionRecovered: false };
    const outcome = attempts === 0 ? 'not_sent' : 'sent_no_response';
    this.#client.errors(status, meshErrors(kind, [], { ...facts, outcome }));
    this.#outcome.finish(status, false, kind === 'sessionNotFound' ? 'client_fault' : outcomeOfError(kind));
  }

  /** Ends it in the mesh. A replica to which another request has moved it meanwhile hears of its end, too. */
  async #end(digest: string, told: SessionLocation | null): Promise<void> {
    const { server } = this.#request;
    const known = await this.#ctx.directory.tombstone(server, digest);
    if (!known || known.isTombstone) return;
    this.#ctx.metrics.ended(server, 'deleted', this.#ctx.now() - known.createdAtMs);
    const replica = this.#view.bySlot(known.slot);
    if (!replica || replica.state === 'lost') return;
    if (told?.replica.slot === known.slot && told.upstreamId === known.upstreamId) return;
    await this.#tellReplica({ replica, upstreamId: known.upstreamId });
  }

  /** The client's own request, for the upstream session. */
  #tellReplica(
    { replica, upstreamId }: Pick<SessionLocation, 'replica' | 'upstreamId'>,
    trace?: AttemptTrace,
  ): Promise<ReplicaAnswer> {
    const { incoming, path } = this.#request;
    const { hostOverride, timeouts } = this.#view.policy;
    const plain = [...upstreamHeaders(incoming.rawHeaders, null, hostOverride), HEADER.sessionId, upstreamId];
    const headers = trace?.sending(plain, this.#ctx.now()) ?? plain;
    const wanted = { address: replica.address, method: 'DELETE', path, headers, body: null } as const;
    return ask(this.#ctx.upstream, { ...wanted, connectTimeoutMs: timeouts.connectMs }, timeouts.initializeMs);
  }
}
