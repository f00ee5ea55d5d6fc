import { forgetOldest } from '../../../proto/forget-oldest.ts';
import { parseJson } from '../../../proto/parse-json.ts';
import type { RpcMessage } from '../../../proto/json-rpc.ts';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import { replaySafety, type ToolAnnotations } from '../../recovery/replay-safety.ts';
import { Deadline, deadlineMs } from '../call/deadline.ts';
import type { RequestOutcome } from '../call/request-outcome.ts';

/** Calls of one session that are followed until their answer; those beyond are not answered should their replica die. */
const MAX_PENDING = 1000;

/** `slot`: of the replica that took it; null until one did. `progressToken` is JSON text. */
export interface PendingCall {
  /** JSON text of the request's id. */
  id: string;
  message: RpcMessage;
  body: Buffer;
  outcome: RequestOutcome;
  slot: string | null;
  /** Times that it went to a replica. */
  attempts: number;
  deadline: Deadline;
  progressToken: string | null;
}

/** The calls of an HTTP+SSE session that wait for their answer on its stream, each with its deadline. */
export class PendingCalls {
  readonly #calls = new Map<string, PendingCall>();
  /** Ids whose client was told that the deadline is over: an answer that comes later is nobody's. */
  readonly #expired = new Map<string, true>();
  readonly #policy: () => ServerPolicy;
  readonly #now: () => number;
  readonly #onExpired: (call: PendingCall) => void;
  readonly #onChange: (count: number, change: 1 | -1) => void;
  readonly #isWaitingForClient: () => boolean;

  constructor(
    policy: () => ServerPolicy,
    now: () => number,
    onExpired: (call: PendingCall) => void,
    onChange: (count: number, change: 1 | -1) => void,
    isWaitingForClient: () => boolean,
  ) {
    this.#policy = policy;
    this.#now = now;
    this.#onExpired = onExpired;
    this.#onChange = onChange;
    this.#isWaitingForClient = isWaitingForClient;
  }

  get all(): PendingCall[] {
    return [...this.#calls.values()];
  }
  get size(): number {
    return this.#calls.size;
  }
  of(message: RpcMessage): PendingCall | undefined {
    return message.idText === null ? undefined : this.#calls.get(message.idText);
  }

  /**
   * Whether a request has the id of a call that waits, or two of these have one id. Nobody could tell their answers
   * apart on the stream.
   */
  repeats(messages: readonly RpcMessage[]): boolean {
    const ids = messages.filter(({ kind }) => kind === 'request').map(({ idText }) => idText);
    return new Set(ids).size < ids.length || ids.some((id) => id !== null && this.#calls.has(id));
  }

  /** False: it is no call, or there are too many. */
  add(message: RpcMessage, body: Buffer, outcome: RequestOutcome): boolean {
    const { kind, idText, method, cancelsIdText } = message;
    if (method === 'notifications/cancelled' && cancelsIdText !== null) this.#cancel(cancelsIdText);
    if (kind !== 'request' || idText === null || method === null || this.#calls.size >= MAX_PENDING) return false;
    const limitMs = deadlineMs(this.#policy(), method, method === 'tools/call' ? message.name : null);
    const call: PendingCall = {
      id: idText,
      message,
      body,
      outcome,
      slot: null,
      attempts: 1,
      progressToken: limitMs > 0 ? tokenIn(body, 'params', '_meta') : null,
      deadline: new Deadline(limitMs, this.#now, () => this.#expire(call), this.#isWaitingForClient),
    };
    this.#expired.delete(idText);
    this.#calls.set(idText, call);
    call.deadline.start();
    this.#onChange(this.size, 1);
    return true;
  }

  remove(message: RpcMessage): PendingCall | undefined {
    const call = this.of(message);
    if (!call) return undefined;
    call.deadline.stop();
    this.#calls.delete(call.id);
    this.#onChange(this.size, -1);
    return call;
  }

  /** What the server says meanwhile: progress counts for its call, a request to the client may be any call's. */
  heard(message: RpcMessage, data: Buffer): void {
    if (message.kind === 'request') for (const { outcome } of this.#calls.values()) outcome.waitedForClient();
    else if (message.method === 'notifications/progress' && this.#calls.size > 0) {
      const token = tokenIn(data, 'params');
      for (const call of this.#calls.values())
        if (call.progressToken !== null && call.progressToken === token) call.deadline.progress();
    }
  }

  /** An answer whose client was told long ago that there is none. */
  isLate(answer: RpcMessage): boolean {
    return answer.kind === 'response' && answer.idText !== null && this.#expired.delete(answer.idText);
  }

  /** Its client waits no longer, and servers need not answer it. */
  #cancel(idText: string): void {
    const call = this.#calls.get(idText);
    if (!call) return;
    this.remove(call.message);
    call.outcome.finish(200, false, 'cancelled');
  }

  #expire(call: PendingCall): void {
    this.remove(call.message);
    this.#expired.set(call.id, true);
    if (this.#expired.size > MAX_PENDING) forgetOldest(this.#expired);
    this.#onExpired(call);
  }
}

/** May the call be carried out a second time? */
export function isSafeToRepeat(
  { message: { method, name } }: Pick<PendingCall, 'message'>,
  { trustAnnotations, retrySafeTools }: ServerPolicy,
  annotationsOf: (tool: string) => ToolAnnotations | undefined,
): boolean {
  return replaySafety({
    method,
    tool: method === 'tools/call' ? name : null,
    annotations: name === null ? undefined : annotationsOf(name),
    trustAnnotations,
    retrySafeTools,
    delivery: 'sent_no_response',
  }).isSafe;
}

/** `progressToken` below a path of a message, as JSON text. */
function tokenIn(bytes: Buffer, ...path: string[]): string | null {
  let at: unknown = parseJson(bytes);
  for (const key of [...path, 'progressToken']) at = (at as Record<string, unknown> | null | undefined)?.[key];
  return at === undefined ? null : JSON.stringify(at);
}
