import { messagesOf, readRpcBody, type RpcBody, type RpcMessage } from '../../../proto/json-rpc.ts';
import type { DeliveryOutcome, RpcId } from '../../../proto/rpc-error.ts';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import type { SseEvent } from '../../../proto/sse-reader.ts';
import { sseEvent } from '../../../proto/sse-writer.ts';
import { replaySafety } from '../../recovery/replay-safety.ts';
import type { RequestOutcome } from './request-outcome.ts';
import { learnFromAnswer } from './learn-from-answer.ts';
import { verbatimId } from '../client/mesh-errors.ts';
import type { RelayContext } from '../relay-context.ts';
import { stampServerMessage } from './server-request-ids.ts';

const keyOf = (id: RpcMessage['id']): string => (typeof id === 'string' ? `s${id}` : `n${String(id)}`);

/** What was asked in one POST, and which of it was answered. */
export class AnswerTracker {
  readonly rpc: RpcBody;
  readonly messages: readonly RpcMessage[];
  readonly #ctx: RelayContext;
  readonly #server: string;
  readonly #digest: string | null;
  readonly #outcome: RequestOutcome;
  readonly #pending = new Map<string, RpcMessage>();
  /** Id of the last event: what a client would resume from. */
  lastEventId: string | null = null;

  constructor(ctx: RelayContext, server: string, digest: string | null, rpc: RpcBody, outcome: RequestOutcome) {
    this.#ctx = ctx;
    this.#server = server;
    this.#digest = digest;
    this.#outcome = outcome;
    this.rpc = rpc;
    this.messages = messagesOf(rpc);
    for (const message of this.messages) if (message.kind === 'request') this.#pending.set(keyOf(message.id), message);
  }

  get hasRequests(): boolean {
    return this.messages.some((message) => message.kind === 'request');
  }
  get hasAnswers(): boolean {
    return this.messages.some((message) => message.kind === 'response');
  }
  get isComplete(): boolean {
    return this.#pending.size === 0;
  }
  get pending(): RpcMessage[] {
    return [...this.#pending.values()];
  }
  get pendingIds(): RpcId[] {
    return this.pending.map(verbatimId);
  }
  /** What follows was not read and may hold the answers. */
  giveUp(): void {
    this.#pending.clear();
  }

  /** Reads an event of the answer; gives the bytes to pass on. From `stampEpoch` 1 on the server's own request ids are stamped with it. */
  event(event: SseEvent, stampEpoch: number): Buffer | string {
    if (event.id !== null) this.lastEventId = event.id;
    if (event.data === null || event.data.length === 0) return event.raw;
    let raw: Buffer | string = event.raw;
    for (const message of messagesOf(readRpcBody(event.data))) {
      this.#ctx.serverRequests.sentToClient(this.#digest, message);
      if (message.kind === 'request') this.#outcome.waitedForClient();
      if (message.kind === 'response') this.answer(message, event.data);
      else if (message.method === 'notifications/tools/list_changed') this.#ctx.tools.forget(this.#server);
      else if (stampEpoch > 0 && (message.kind === 'request' || message.method === 'notifications/cancelled'))
        raw = stampEvent(event, stampEpoch);
    }
    return raw;
  }

  /** Notes one answer that `data` holds. */
  answer(answer: RpcMessage, data: Buffer): void {
    const key = keyOf(answer.id),
      asked = this.#pending.get(key);
    if (!asked) return;
    this.#pending.delete(key);
    this.#outcome.answered(answer);
    learnFromAnswer(this.#ctx, this.#server, this.#digest, asked, answer, data);
  }

  /** May it all be sent again? A batch whose answer began may not: what was answered would be answered twice. */
  isSafe(delivery: DeliveryOutcome, { trustAnnotations, retrySafeTools }: ServerPolicy): boolean {
    if (delivery === 'not_sent') return true;
    if (this.messages.length === 0 || (this.rpc.kind === 'batch' && delivery === 'partial_response')) return false;
    return this.messages.every(
      ({ method, name }) =>
        replaySafety({
          method,
          tool: method === 'tools/call' ? name : null,
          annotations: name === null ? undefined : this.#ctx.tools.of(this.#server, name),
          trustAnnotations,
          retrySafeTools,
          delivery,
        }).isSafe,
    );
  }

  /** What the tool says of itself would be believed, but was not heard yet. */
  mightBecomeSafe(policy: ServerPolicy): boolean {
    const { tool } = this.#outcome;
    const { tools } = this.#ctx;
    return policy.trustAnnotations && tool !== null && !tools.knows(this.#server) && !tools.of(this.#server, tool);
  }
}

export function stampEvent(event: SseEvent, epoch: number): Buffer | string {
  const stamped = event.data === null ? undefined : stampServerMessage(event.data, epoch);
  return stamped === undefined
    ? event.raw
    : sseEvent(stamped, { name: event.name, ...(event.id !== null && { id: event.id }) });
}
