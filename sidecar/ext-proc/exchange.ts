import { detach } from '../../proto/detach.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { LimitName } from '../../proto/limits.ts';
import { RPC_ERROR, rpcError } from '../../proto/rpc-error.ts';
import { sessionDigest } from '../../proto/session-record.ts';
import { HEADER, METADATA } from '../../proto/wire.ts';
import type { GateAnswer } from '../breaker/breakers.ts';
import type { Identities } from '../principal/identities.ts';
import { readInitialize } from '../budget/read-initialize.ts';
import type { NewSessions } from '../budget/new-sessions.ts';
import { decide, decideSession, type Decision } from '../routing/decide.ts';
import { place } from '../routing/placement.ts';
import { newSession } from '../session/new-session.ts';
import type { Found, SessionDirectory } from '../session/session-directory.ts';
import { isTouchDue } from '../session/touch-interval.ts';
import type { ServerView } from '../xds/topology.ts';
import { breakerReply } from './breaker-reply.ts';
import { limitReply } from './limit-reply.ts';
import { noReplicaReply } from './no-replica-reply.ts';
import { notCarriedReply } from './not-carried-reply.ts';
import { InitializeResultReader } from './initialize-result.ts';
import { readRequest, readResponse, type ProcessingMessage, type ReadRequest } from './messages.ts';
import {
  answerReply,
  requestBodyReply,
  requestTrailersReply,
  responseBodyReply,
  responseHeadersReply,
  responseTrailersReply,
  type Reply,
} from './replies.ts';
import type { Arrivals } from './arrivals.ts';
import { retryOfInitialize } from './retry-of-initialize.ts';
import { touchEveryMs } from './touch-every.ts';

export interface ExchangeContext {
  server: (name: string) => ServerView | undefined;
  directory: SessionDirectory;
  identities: Identities;
  /** `ip:port` of this node's relay. */
  relay: string;
  /** A permit is settled by its outcome, or released when the request is never sent. */
  gate: (server: string, slot: string, tool: string | null) => GateAnswer;
  release: (permit: string) => void;
  /** Sessions that are just beginning, by slot: not yet in the directory's counts. */
  arrivals: Arrivals;
  /** How many sessions clients may begin. */
  sessions: NewSessions;
  refused: (server: string, limit: LimitName) => void;
  onCreated: (server: string, backend: string) => void;
  now: () => number;
  random: () => number;
  onError: (error: unknown) => void;
}

/** One HTTP request on the decide route, from its headers to the end of its answer. */
export class Exchange {
  readonly #context: ExchangeContext;
  readonly #server: ServerView | undefined;
  #request: ReadRequest | undefined;
  #isBeginning = false;
  #initializeParams: unknown;
  #initializeBytes = 0;
  #arrivingAt: string | null = null;
  #permit: string | null = null;
  #result: InitializeResultReader | null = null;

  /** `server`: its name, as the route says it. */
  constructor(context: ExchangeContext, server: string) {
    this.#context = context;
    this.#server = context.server(server);
  }

  /** The answer to one message of Envoy's. */
  on(message: ProcessingMessage): Reply | Promise<Reply> {
    switch (message.kind) {
      case 'request_headers':
        return this.#onRequestHeaders(message);
      case 'request_body':
        return this.#onRequestBody(message);
      case 'response_headers':
        return this.#onResponseHeaders(message);
      case 'response_body':
        this.#result?.push(message.body, message.isLast);
        return responseBodyReply;
      case 'request_trailers':
        return requestTrailersReply;
      case 'response_trailers':
        return responseTrailersReply;
      default:
        throw new Error(`ext_proc: a message of no known kind (${String(message.kind)})`);
    }
  }

  /** The stream is over. `isAnswered`: Envoy had its answer, so the request went on and its access log will settle the permit. */
  close(isAnswered: boolean): void {
    this.#arrive(null);
    if (this.#permit !== null && !isAnswered) this.#context.release(this.#permit);
    this.#permit = null;
  }

  #onRequestHeaders(message: ProcessingMessage): Reply | Promise<Reply> {
    const request = readRequest(message),
      server = this.#server;
    this.#request = request;
    // An empty session id: only who sees the body and the answer can tell what it begins. The relay does.
    if (request.isUnary && request.view.clientIds.length === 0)
      return { metadata: { [METADATA.host]: this.#context.relay }, then: 'nothing' };
    if (!server)
      return answerReply(
        503,
        rpcError(request.view.rpcId, RPC_ERROR.noReplica, 'The gateway does not know this server yet'),
        1,
      );
    if (request.isRateLimited) return this.#rateLimited(request, server);
    const decision = decide(request.view, server.policy);
    if (decision.kind !== 'look-up') return this.#carryOut(decision, request, server);
    const { clientId, session } = decision,
      digest = sessionDigest(clientId);
    const settle = (known: Found): Reply => {
      const settled = decideSession(
        request.view,
        session,
        known,
        server,
        this.#context.relay,
        this.#context.identities,
      );
      if (settled.kind !== 'pin') return this.#carryOut(settled, request, server);
      const nowMs = this.#context.now();
      if (isTouchDue(known.kind === 'live' ? known.record : null, nowMs, touchEveryMs(settled.slot, server)))
        this.#context.directory.touch(server.name, digest, nowMs);
      return this.#pin(settled, settled.upstreamId !== session.upstreamId, request, server);
    };
    // Nearly always it is known here: then nothing has to wait.
    const record = this.#context.directory.peek(server.name, digest);
    return record && !record.isTombstone
      ? settle({ kind: 'live', record })
      : this.#context.directory.find(server.name, digest).then(settle);
  }

  #carryOut(decision: Decision, request: ReadRequest, server: ServerView): Reply {
    switch (decision.kind) {
      case 'answer':
        return answerReply(decision.status, decision.error, decision.retryAfterSeconds);
      case 'hold':
        return this.#hold(request);
      case 'begin':
        return this.#begin(request, server);
      default:
        return { then: 'nothing' };
    }
  }

  /** On a session the relay refuses it: its answer leaves the session alive. Any other is refused here, with the id that Envoy has read. */
  #rateLimited({ isUnary, view }: ReadRequest, { name }: ServerView): Reply {
    if (isUnary || view.clientIds.length > 0)
      return { metadata: { [METADATA.host]: this.#context.relay }, then: 'nothing' };
    this.#context.refused(name, 'request_rate');
    return limitReply('request_rate', view.rpcId, name);
  }

  /** The relay counts a call among those of its client, whose address this route does not tell it. */
  #hold({ address }: ReadRequest): Reply {
    const metadata = { [METADATA.host]: this.#context.relay };
    return { set: { [HEADER.guard]: address }, metadata, then: 'nothing' };
  }

  /** The pin goes into metadata, which costs Envoy less than a header. `isRenamed`: the replica knows the session by another id than the one that Envoy takes from the client's. */
  #pin(
    { hosts, upstreamId, slot }: Decision & { kind: 'pin' },
    isRenamed: boolean,
    request: ReadRequest,
    server: ServerView,
  ): Reply {
    const set = isRenamed ? { [HEADER.sessionId]: upstreamId } : undefined;
    const answer = slot === null ? ADMITTED : this.#context.gate(server.name, slot, request.tool);
    if (answer.kind === 'reject') {
      if (answer.breaker.level === 'tool')
        return breakerReply(request.view.rpcId, { server: server.name, slot, ...answer });
      // The relay moves the session to a replica that is well.
      return { set, metadata: { [METADATA.host]: this.#context.relay }, then: 'nothing' };
    }
    this.#permit = answer.permit;
    return { set, metadata: pinMetadata(hosts, answer.permit), then: 'nothing' };
  }

  #begin(request: ReadRequest, server: ServerView): Reply {
    const limit = this.#context.sessions.refusal(server.name, request.address);
    if (limit !== null) return limitReply(limit, request.view.rpcId, server.name);
    const placed = this.#place(server);
    if (placed.kind === 'reject')
      return breakerReply(request.view.rpcId, { server: server.name, slot: null, ...placed });
    if (placed.kind === 'none') return noReplicaReply(request.view.rpcId, server.name);
    this.#isBeginning = true;
    this.#permit = placed.permit;
    this.#arrive(placed.endpoint.slot);
    return {
      set: {
        [HEADER.host]: `${placed.endpoint.address},${this.#context.relay}`,
        ...(request.view.method === 'initialize' && retryOfInitialize(server.policy)),
      },
      then: request.isBodyless ? 'response' : 'body',
      ...(placed.permit !== null && { metadata: { [METADATA.permit]: placed.permit } }),
    };
  }

  #place(
    server: ServerView,
  ):
    | { kind: 'placed'; endpoint: ReplicaEndpoint; permit: string | null }
    | { kind: 'reject'; retryAfterMs: number }
    | { kind: 'none' } {
    const { directory, arrivals, gate, random } = this.#context;
    const counts = directory.counts(server.name),
      excluded = new Set<string>();
    let retryAfterMs = Infinity;
    for (;;) {
      const endpoint = place({
        endpoints: server.endpoints,
        backends: server.backends,
        load: (slot) => (counts.get(slot) ?? 0) + arrivals.at(server.name, slot),
        excluded,
        random,
      });
      if (!endpoint) return retryAfterMs === Infinity ? { kind: 'none' } : { kind: 'reject', retryAfterMs };
      const answer = gate(server.name, endpoint.slot, null);
      if (answer.kind === 'admit') return { kind: 'placed', endpoint, permit: answer.permit };
      retryAfterMs = Math.min(retryAfterMs, answer.retryAfterMs);
      excluded.add(endpoint.slot);
    }
  }

  #onRequestBody(message: ProcessingMessage): Reply {
    const request = this.#request,
      server = this.#server;
    if (!this.#isBeginning || !request || !server) return requestBodyReply();
    const { params, bytes, isTooLarge } = readInitialize(message.body, server.policy.limits.initializeBytes);
    if (isTooLarge) {
      this.#context.refused(server.name, 'initialize_bytes');
      return limitReply('initialize_bytes', request.view.rpcId, server.name);
    }
    [this.#initializeParams, this.#initializeBytes] = [params, bytes];
    return requestBodyReply();
  }

  async #onResponseHeaders(message: ProcessingMessage): Promise<Reply> {
    const request = this.#request,
      server = this.#server,
      { directory, identities, now, onCreated, sessions } = this.#context;
    if (!this.#isBeginning || !request || !server) return responseHeadersReply();
    const { status, sessionId, slot, isEventStream } = readResponse(message);
    // A relay's answer carries the mesh's id already; a server that gives no id keeps no session.
    if (sessionId === null || slot === null || status >= 400) return responseHeadersReply();
    const initializeParams = this.#initializeParams ?? {},
      { protocolVersion } = initializeParams as { protocolVersion?: unknown };
    const { clientId, record } = newSession(
      {
        server: server.name,
        backend: server.bySlot(slot)?.backend ?? '',
        slot,
        upstreamId: sessionId,
        ...identities.ownerOf(request.view, request.credentials, server.policy),
        nowMs: now(),
        // What the replica answers follows with the body; until then, what was asked for.
      },
      {
        initializeParams,
        protocolVersion: typeof protocolVersion === 'string' ? protocolVersion : '',
      },
    );
    const refusal = notCarriedReply({ ...record, clientId }, request.view.rpcId, server);
    if (refusal) return refusal;
    sessions.began(record, request.address, this.#initializeBytes);
    await directory.remember(record);
    this.#arrive(null);
    onCreated(server.name, record.backend);
    this.#result = new InitializeResultReader(isEventStream, (result) => {
      const amended = directory.amend(record.server, record.digest, (was) => ({ ...was, ...result }), ONLY_WRITER);
      detach(amended, this.#context.onError);
    });
    return responseHeadersReply({ [HEADER.sessionId]: clientId }, true);
  }

  #arrive(slot: string | null): void {
    const server = this.#server?.name ?? '';
    if (this.#arrivingAt !== null) this.#context.arrivals.add(server, this.#arrivingAt, -1);
    if (slot !== null) this.#context.arrivals.add(server, slot, 1);
    this.#arrivingAt = slot;
  }
}

const ONLY_WRITER = { isOnlyWriter: true };
const ADMITTED: GateAnswer = { kind: 'admit', permit: null };
const pinMetadata = (hosts: readonly string[], permit: string | null): Record<string, string> =>
  permit === null
    ? { [METADATA.host]: hosts.join(',') }
    : { [METADATA.host]: hosts.join(','), [METADATA.permit]: permit };
