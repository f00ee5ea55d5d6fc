import { messagesOf, type RpcBody, type RpcMessage } from '../../../proto/json-rpc.ts';
import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import type { Outcome, OutcomeKind } from '../../../proto/outcome.ts';
import { addressKey } from '../../../proto/address-key.ts';
import { principalFor } from '../../audit/principal-for.ts';
import type { CallTrace } from '../../tracing/call-trace.ts';
import type { BeginTrace } from '../../tracing/tracing.ts';
import { answerKind } from './answer-kind.ts';
import type { ClientRequest } from '../client/client-request.ts';
import type { Breakers } from '../../breaker/breakers.ts';
import type { Identities } from '../../principal/identities.ts';
import type { SessionDirectory } from '../../session/session-directory.ts';
import type { ServerView } from '../../xds/topology.ts';
import { isTouchDue, touchIntervalMs } from '../../session/touch-interval.ts';

/** What the outcome needs of the sidecar. */
interface OutcomeContext {
  identities: Identities;
  breakers: Pick<Breakers, 'attemptFailed' | 'release'>;
  directory: Pick<SessionDirectory, 'peek' | 'touch'>;
  server: (name: string) => Pick<ServerView, 'policy'> | undefined;
  outcome: (outcome: Outcome) => void;
  traces: { begin: BeginTrace };
  now: () => number;
}

/** Gathers what one request comes to and reports it once. The breaker's permit of each attempt is settled by it or given back. */
export class RequestOutcome {
  readonly #ctx: OutcomeContext;
  readonly #request: ClientRequest;
  readonly method: string;
  readonly tool: string | null;
  /** Null where nothing of it is traced. */
  readonly trace: CallTrace | null;
  #replica: ReplicaEndpoint | null = null;
  #permit: string | null = null;
  #sentMs = 0;
  #hasFaulted = false;
  #errorCode: number | null = null;
  #isToolError = false;
  #isTimeout = false;
  #hasWaitedForClient = false;
  #isDone = false;

  constructor(ctx: OutcomeContext, request: ClientRequest, rpc: RpcBody | null, body: Buffer | null = null) {
    this.#ctx = ctx;
    this.#request = request;
    const messages = rpc ? messagesOf(rpc) : [];
    const only = messages.length === 1 ? messages[0] : undefined;
    const { method = '' } = request.incoming;
    this.method = rpc ? (only?.method ?? (only?.kind === 'response' ? 'response' : 'other')) : method;
    this.tool = only?.method === 'tools/call' ? only.name : null;
    this.trace = ctx.traces.begin(request, rpc, body);
  }

  sent(replica: ReplicaEndpoint, permit: string | null): void {
    this.#endAttempt();
    this.#replica = replica;
    this.#permit = permit;
    this.#sentMs = this.#ctx.now();
  }

  /** The replica failed this attempt: refused, reset, ended without an answer. Its breaker hears of it even when another attempt succeeds. */
  faulted(): void {
    this.#hasFaulted = true;
  }

  /** Its deadline is over: the replica is to blame only if it does not answer a ping either. */
  timedOut(): void {
    this.#isTimeout = true;
  }

  /** The server asked the client for something. */
  waitedForClient(): void {
    this.#hasWaitedForClient = true;
  }

  /** Another gateway's relay took the request over, and reports it. */
  leaveToNeighbour(): void {
    this.#endAttempt();
    this.#isDone = true;
  }

  /** An attempt of which no outcome will tell. */
  #endAttempt(): void {
    const nowMs = this.#ctx.now();
    if (this.#hasFaulted && this.#replica)
      this.#ctx.breakers.attemptFailed(
        {
          server: this.#request.server,
          slot: this.#replica.slot,
          permit: this.#permit,
          startedAtMs: this.#sentMs,
          session: this.#request.clientId,
          client: addressKey(this.#request.clientAddress),
        },
        nowMs,
      );
    else if (this.#permit !== null) this.#ctx.breakers.release(this.#permit, nowMs);
    this.#hasFaulted = false;
    this.#permit = null;
    this.#errorCode = null;
    this.#isToolError = false;
  }

  /** Of several answers of a batch the worst is told. */
  answered(answer: RpcMessage): void {
    if (answer.errorCode !== null) this.#errorCode ??= answer.errorCode;
    if (answer.isToolError) this.#isToolError = true;
  }

  finish(status: number, hasRetryAfter: boolean, kind?: OutcomeKind): void {
    const atMs = this.#ctx.now(),
      end = { status, errorCode: this.#errorCode, atMs };
    if (this.#isDone) return this.trace?.end({ kind: kind ?? 'unread', ...end });
    this.#isDone = true;
    const { server, mode, traceId, startedMs, clientId, clientAddress } = this.#request,
      whatItCameTo =
        kind ?? answerKind({ status, errorCode: this.#errorCode, isToolError: this.#isToolError, hasRetryAfter });
    this.trace?.end({ kind: whatItCameTo, ...end });
    if (this.#hasFaulted && whatItCameTo !== 'replica_fault') this.#endAttempt();
    const permit = this.#permit,
      principal = principalFor(this.#ctx.identities, this.#request.shown, this.#ctx.server(server)?.policy);
    this.#ctx.outcome({
      kind: whatItCameTo,
      server,
      slot: this.#replica?.slot ?? null,
      backend: this.#replica?.backend ?? null,
      method: this.method,
      tool: this.tool,
      status,
      errorCode: this.#errorCode,
      durationMs: atMs - startedMs,
      startedAtMs: startedMs,
      source: 'relay',
      mode,
      session: clientId,
      client: addressKey(clientAddress),
      ...(this.#isTimeout && { isTimeout: true }),
      ...(this.#hasWaitedForClient && { hasWaitedForClient: true }),
      traceId: this.trace?.traceId ?? traceId,
      ...(principal !== undefined && { principal }),
      ...(permit !== null && { permit }),
    });
    if (whatItCameTo !== 'lost_session' && whatItCameTo !== 'client_fault') this.#noteActivity();
  }

  /** Keeps the session alive: Envoy's access log says nothing of what passes the relay (outcome/session-touches.ts). */
  #noteActivity(): void {
    const { server, digest } = this.#request,
      { directory, now } = this.#ctx,
      view = digest === null ? undefined : this.#ctx.server(server);
    if (digest === null || !view) return;
    const nowMs = now();
    if (isTouchDue(directory.peek(server, digest) ?? null, nowMs, touchIntervalMs(view.policy.sessionTtlSeconds)))
      directory.touch(server, digest, nowMs);
  }
}
