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

/** Time for a stream to end by itself after its answer, so that its connection can be kept. */
const DRAIN_MS = 1000;
const NOTHING = Buffer.alloc(0);
/** Who sends the request contains what is thrown here. */
const UNGUARDED = { guard: (work: () => unknown): unknown => work() };

/** Sends a request and waits for its answer, be it a whole one or the first response on an event stream. Never rejects. */
export function ask(
  client: Pick<ReplicaClient, 'send'>,
  request: ReplicaRequest,
  timeoutMs: number,
): Promise<ReplicaAnswer> {
  return new Promise((resolve) => new Ask(client, request, timeoutMs, resolve));
}

class Ask implements AnswerListener {
  readonly #resolve: (answer: ReplicaAnswer) => void;
  readonly #call: ReplicaCall;
  readonly #stopTimer: () => void;
  /** Head of the event stream that is being read. */
  #head: { status: number; headers: IncomingHttpHeaders } = { status: 0, headers: {} };

  constructor(
    client: Pick<ReplicaClient, 'send'>,
    request: ReplicaRequest,
    timeoutMs: number,
    resolve: (answer: ReplicaAnswer) => void,
  ) {
    this.#resolve = resolve;
    this.#stopTimer = afterMs(timeoutMs, () => {
      this.#call.abort();
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

  #finish(answer: { status: number; headers: IncomingHttpHeaders; rpc: RpcAnswer | null; body: Buffer }): void {
    this.#stopTimer();
    this.#resolve({ kind: 'answered', ...answer });
  }
}

const parse = (bytes: Buffer): RpcAnswer | null => (parseJsonObject(bytes) as RpcAnswer | undefined) ?? null;
