import type { IncomingHttpHeaders } from 'node:http';
import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import { afterMs } from '../../../proto/after-ms.ts';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import type { SseEvent } from '../../../proto/sse-reader.ts';
import type { ReplicaAnswer, RpcAnswer } from '../../replica/ask.ts';
import { sendMessage, type RpcRequest } from '../../replica/session-messages.ts';
import type { ReplicaCall, ReplicaFailure } from '../../replica/client.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { RelayContext } from '../relay-context.ts';
import { readEndpoint } from './endpoint.ts';
import { AnswerReader, type AnswerListener, type Guard } from '../../replica/answer-reader.ts';

/** What the session hears of its stream at a replica. */
export interface ReplicaStreamListener {
  onOpened(stream: ReplicaStream, status: number, headers: IncomingHttpHeaders): void;
  /** It is no event stream: the replica's answer. */
  onRefused(stream: ReplicaStream, status: number, headers: IncomingHttpHeaders, body: Buffer): void;
  onEvent(stream: ReplicaStream, event: SseEvent): void;
  onPiece(stream: ReplicaStream, bytes: Buffer, isLast: boolean): void;
  /** `failure` is null when the server ended it. */
  onOver(stream: ReplicaStream, failure: ReplicaFailure | null): void;
}

/** `ReplicaFailure.code` of a replica that took the request and did not begin its answer. */
export const NO_HEAD = 'HOLDFAST_NO_HEAD';

/** The stream of an HTTP+SSE session (2024-11-05) at one replica, and the URI that it named for messages. */
export class ReplicaStream implements AnswerListener {
  readonly replica: ReplicaEndpoint;
  readonly #ctx: Pick<RelayContext, 'upstream'>;
  readonly #view: ServerView;
  readonly #headers: readonly string[];
  readonly #listener: ReplicaStreamListener;
  readonly #guard: Guard;
  readonly #call: ReplicaCall;
  /** Answers that the relay itself waits for, by id. */
  readonly #asked = new Map<string, (answer: RpcAnswer | null) => void>();
  #settleEndpoint: (endpoint: string | null) => void = () => undefined;
  /** Resolves to null when the stream ends before it named one. */
  readonly named: Promise<string | null> = new Promise((resolve) => {
    this.#settleEndpoint = resolve;
  });
  endpoint: string | null = null;
  isOver = false;
  #stopWaiting: () => void = () => undefined;

  /** `headers`: those of the client's GET for the replica. */
  constructor(
    ctx: Pick<RelayContext, 'upstream'>,
    view: ServerView,
    replica: ReplicaEndpoint,
    headers: readonly string[],
    listener: ReplicaStreamListener,
    guard: Guard,
  ) {
    this.#ctx = ctx;
    this.#view = view;
    this.replica = replica;
    this.#headers = headers;
    this.#listener = listener;
    this.#guard = guard;
    this.#call = ctx.upstream.send(
      {
        address: replica.address,
        method: 'GET',
        path: view.policy.path,
        headers: [...headers],
        body: null,
        connectTimeoutMs: view.policy.timeouts.connectMs,
      },
      new AnswerReader(this, guard),
    );
  }

  /** Gives it up when its answer has not begun by then. */
  expectHead(withinMs: number): void {
    this.#stopWaiting = afterMs(withinMs, () => {
      if (this.isOver) return;
      this.close();
      const cause = new Error(`no answer to the GET within ${withinMs} ms`);
      this.#guard.guard(() => this.#listener.onOver(this, { delivery: 'sent_no_response', code: NO_HEAD, cause }));
    });
  }

  pause(): void {
    this.#call.pause();
  }
  resume(): void {
    this.#call.resume();
  }
  close(): void {
    this.#call.abort();
    this.#end();
  }

  /** Sends a message of the relay's own, and waits for its answer on the stream. Null: there was none in time. */
  async ask(message: RpcRequest, timeoutMs: number): Promise<RpcAnswer | null> {
    const { id } = message;
    const { promise: answered, resolve } = Promise.withResolvers<RpcAnswer | null>();
    if (id !== undefined) this.#asked.set(id, resolve);
    const timer = setTimeout(resolve, timeoutMs, null);
    try {
      const taken = await this.post(message, timeoutMs);
      if (taken.kind !== 'answered' || taken.status >= 300) return null;
      return id === undefined ? {} : await answered;
    } finally {
      clearTimeout(timer);
      if (id !== undefined) this.#asked.delete(id);
    }
  }

  /** A message of the mesh's own; its answer, if any, comes on the stream. */
  post(message: RpcRequest | Buffer, timeoutMs: number): Promise<ReplicaAnswer> {
    const { connectMs: connectTimeoutMs } = this.#view.policy.timeouts;
    const { address } = this.replica;
    const path = this.endpoint ?? this.#view.policy.path;
    const session = {
      address,
      path,
      headers: this.#headers,
      upstreamId: null,
      protocolVersion: null,
      connectTimeoutMs,
    };
    return sendMessage(this.#ctx.upstream, session, message, timeoutMs);
  }

  onSse(status: number, headers: IncomingHttpHeaders): void {
    this.#stopWaiting();
    this.#listener.onOpened(this, status, headers);
  }

  onEvent(event: SseEvent): void {
    if (event.name === 'endpoint' && this.endpoint === null && event.data) {
      this.endpoint = readEndpoint(event.data.toString(), this.#view.policy.path);
      this.#settleEndpoint(this.endpoint);
    } else if (this.#asked.size > 0 && event.data && this.#isOwn(event.data)) return;
    this.#listener.onEvent(this, event);
  }

  onPiece(bytes: Buffer, isLast: boolean): void {
    this.#listener.onPiece(this, bytes, isLast);
  }
  onWhole(status: number, headers: IncomingHttpHeaders, body: Buffer): void {
    this.#end();
    this.#listener.onRefused(this, status, headers, body);
  }
  onBytes(status: number, headers: IncomingHttpHeaders): void {
    this.close();
    this.#listener.onRefused(this, status, headers, Buffer.alloc(0));
  }
  onFinished(): void {
    this.#end();
    this.#listener.onOver(this, null);
  }
  onFailure(failure: ReplicaFailure): void {
    this.#end();
    this.#listener.onOver(this, failure);
  }

  #isOwn(data: Buffer): boolean {
    const message = parseJsonObject(data);
    if (typeof message?.['id'] !== 'string' || message['method'] !== undefined) return false;
    const settle = this.#asked.get(message['id']);
    settle?.(message as RpcAnswer);
    return settle !== undefined;
  }

  #end(): void {
    this.isOver = true;
    this.#stopWaiting();
    this.#settleEndpoint(null);
    for (const settle of this.#asked.values()) settle(null);
  }
}
