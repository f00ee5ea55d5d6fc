import type { IncomingHttpHeaders } from 'node:http';
import { afterMs } from '../../proto/after-ms.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import type { SseEvent } from '../../proto/sse-reader.ts';
import { AnswerReader, type AnswerListener } from './answer-reader.ts';
import type { ReplicaCall, ReplicaClient, ReplicaFailure, ReplicaRequest } from './client.ts';

export interface RpcAnswer {
  result?: unknown;
  error?: { code?: unknown; message?: unknown };
}
export type ReplicaAnswer =
  /** `rpc` is null when the answer carries none (202, or an error page), or is too large to be held. */
  | { kind: 'answered'; status: number; headers: IncomingHttpHeaders; rpc: RpcAnswer | null; body: Buffer }
  | { kind: 'failed'; failure: ReplicaFailure }
  | { kind: 'timeout' };

export type Answered = Extract<ReplicaAnswer, { kind: 'answered' }>;

/** Time for a stream to end by itself after its answer, so that its connection can be kept. */
const DRAIN_MS = 1000;
const NOTHING = Buffer.alloc(0);
/** Who sends the request contains what is thrown here. */
const UNGUARDED = { guard: (work: () => unknown): unknown => work() };

/** How long an answer that comes too late is still read, where somebody wants it. */
const LATE_MS = 30_000;

/**
 * Sends a request and waits for its answer, be it a whole one or the first response on an event stream. Never rejects.
 * `onLate`: told of an answer that comes after `timeoutMs`, for what it has left behind at the replica.
 */
export function ask(
  client: Pick<ReplicaClient, 'send'>,
  request: ReplicaRequest,
  timeoutMs: number,
  onLate: ((answer: Answered) => void) | null = null,
): Promise<ReplicaAnswer> {
  return new Promise((resolve) => new Ask(client, request, timeoutMs, { resolve, onLate }));
}

class Ask implements AnswerListener {
  #resolve: (answer: ReplicaAnswer) => void;
  readonly #call: ReplicaCall;
  #stopTimer: () => void;
  /** Head of the event stream that is being read. */
  #head: { status: number; headers: IncomingHttpHeaders } = { status: 0, headers: {} };

  constructor(
    client: Pick<ReplicaClient, 'send'>,
    request: ReplicaRequest,
    timeoutMs: number,
    { resolve, onLate }: { resolve: (answer: ReplicaAnswer) => void; onLate: ((answer: Answered) => void) | null },
  ) {
    this.#resolve = resolve;
    this.#stopTimer = afterMs(timeoutMs, () => {
      if (onLate) this.#waitFor(onLate);
      else this.#call.abort();
      resolve({ kind: 'timeout' });
    });
    this.#call = client.send(request, new AnswerReader(this, UNGUARDED));
  }

  onSse(status: number, headers: IncomingHttpHeaders): void {
    this.#head = { status, headers };
  }

  onEvent({ data }: SseEvent): void {
    const rpc = data && parse(data);
    if (!rpc || !('result' in rpc || 'error' in rpc)) return;
    this.#finish({ ...this.#head, rpc, body: data });
    setTimeout(() => this.#call.abort(), DRAIN_MS).unref();
  }

  onPiece(): void {
    /* too large to be read */
  }

  onWhole(status: number, headers: IncomingHttpHeaders, body: Buffer): void {
    this.#finish({ status, headers, rpc: parse(body), body });
  }

  onBytes(status: number, headers: IncomingHttpHeaders): void {
    this.#finish({ status, headers, rpc: null, body: NOTHING });
    this.#call.abort();
  }

  onFinished(): void {
    this.#finish({ ...this.#head, rpc: null, body: NOTHING });
  }

  onFailure(failure: ReplicaFailure): void {
    this.#stopTimer();
    this.#resolve({ kind: 'failed', failure });
  }

  #waitFor(onLate: (answer: Answered) => void): void {
    this.#stopTimer = afterMs(LATE_MS, () => this.#call.abort(), { isDaemon: true });
    this.#resolve = (answer) => {
      if (answer.kind === 'answered') onLate(answer);
      this.#resolve = () => undefined;
    };
  }

  #finish(answer: { status: number; headers: IncomingHttpHeaders; rpc: RpcAnswer | null; body: Buffer }): void {
    this.#stopTimer();
    this.#resolve({ kind: 'answered', ...answer });
  }
}

const parse = (bytes: Buffer): RpcAnswer | null => (parseJsonObject(bytes) as RpcAnswer | undefined) ?? null;
