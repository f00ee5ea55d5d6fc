import { messagesOf, type RpcBody, type RpcMessage } from '../../proto/json-rpc.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { OutcomeKind } from '../../proto/outcome.ts';
import { answerKind } from './answer-kind.ts';
import type { ClientRequest } from './client-request.ts';
import type { RelayContext } from './relay-context.ts';

/** Gathers what one request comes to and reports it once. The breaker's permit of each attempt is settled by it or given back. */
export class ExchangeOutcome {
  readonly #ctx: Pick<RelayContext, 'outcome' | 'breakers' | 'now'>;
  readonly #request: ClientRequest;
  readonly method: string;
  readonly tool: string | null;
  #replica: ReplicaEndpoint | null = null;
  #permit: string | null = null;
  #errorCode: number | null = null;
  #isToolError = false;
  #isDone = false;

  constructor(ctx: Pick<RelayContext, 'outcome' | 'breakers' | 'now'>, request: ClientRequest, rpc: RpcBody | null) {
    this.#ctx = ctx;
    this.#request = request;
    const messages = rpc ? messagesOf(rpc) : [], only = messages.length === 1 ? messages[0]! : null;
    this.method = rpc ? only?.method ?? (only?.kind === 'response' ? 'response' : 'other') : request.incoming.method!;
    this.tool = only?.method === 'tools/call' ? only.name : null;
  }

  sent(replica: ReplicaEndpoint, permit: string | null): void {
    this.attemptFailed();
    this.#replica = replica;
    this.#permit = permit;
  }

  /** Another attempt follows: this one's permit goes back, and the replica was reported. */
  attemptFailed(): void {
    if (this.#permit !== null) this.#ctx.breakers.release(this.#permit, this.#ctx.now());
    this.#permit = null;
    this.#errorCode = null;
    this.#isToolError = false;
  }

  /** Another gateway's relay took the request over, and reports it. */
  leaveToNeighbour(): void { this.#isDone = true; }

  /** Of several answers of a batch the worst is told. */
  answered(answer: RpcMessage): void {
    if (answer.errorCode !== null) this.#errorCode ??= answer.errorCode;
    if (answer.isToolError) this.#isToolError = true;
  }

  finish(status: number, hasRetryAfter: boolean, kind?: OutcomeKind): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const { server, way, traceId, startedMs, clientId } = this.#request, permit = this.#permit;
    this.#ctx.outcome({
      kind: kind ?? answerKind({ status, errorCode: this.#errorCode, isToolError: this.#isToolError, hasRetryAfter }),
      server, slot: this.#replica?.slot ?? null, backend: this.#replica?.backend ?? null, method: this.method, tool: this.tool, status, errorCode: this.#errorCode,
      durationMs: this.#ctx.now() - startedMs, startedAtMs: startedMs, source: 'relay', way, session: clientId, traceId, ...(permit !== null && { permit }),
    });
  }
}
