import type { IncomingHttpHeaders } from 'node:http';
import { messagesOf, readRpcBody, type RpcMessage } from '../../../proto/json-rpc.ts';
import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import type { SseEvent } from '../../../proto/sse-reader.ts';
import type { ReplicaCall, ReplicaFailure } from '../../replica/client.ts';
import type { WholeAnswer } from '../call/target.ts';
import { AnswerReader, type AnswerListener, type Guard } from '../../replica/answer-reader.ts';
import { ACKNOWLEDGED } from './acknowledgement.ts';

/** What a branch tells the stream that it is part of. Exactly one of refused, completed, expired and broken ends it. */
export interface BranchListener {
  opened(branch: ListenBranch, status: number, headers: IncomingHttpHeaders): void;
  acknowledged(branch: ListenBranch, data: Buffer): void;
  notified(branch: ListenBranch, message: RpcMessage, event: SseEvent): void;
  /** It answered without a stream. */
  refused(branch: ListenBranch, answer: WholeAnswer): void;
  /** It said that this is all: the response to the request. */
  completed(branch: ListenBranch, event: SseEvent): void;
  /** Its answer did not begin in time. */
  expired(branch: ListenBranch): void;
  /** Its connection is gone. */
  broken(branch: ListenBranch, isDelivered: boolean): void;
}

/** `subscriptions/listen` at one replica. */
export class ListenBranch implements AnswerListener {
  readonly replica: ReplicaEndpoint;
  readonly #listener: BranchListener;
  #call: ReplicaCall | null = null;
  #late: NodeJS.Timeout | undefined;
  #isOver = false;
  isAcknowledged = false;

  /** `headMs`: the time in which its answer has to begin; 0: any. */
  constructor(
    replica: ReplicaEndpoint,
    listener: BranchListener,
    guard: Guard,
    send: (answer: AnswerReader) => ReplicaCall,
    headMs = 0,
  ) {
    this.replica = replica;
    this.#listener = listener;
    this.#call = send(new AnswerReader(this, guard));
    const expire = (): void => guard.guard(() => this.#end(() => listener.expired(this)));
    if (headMs > 0) this.#late = setTimeout(expire, headMs);
  }

  pause(): void {
    this.#call?.pause();
  }
  resume(): void {
    this.#call?.resume();
  }
  close(): void {
    this.#isOver = true;
    clearTimeout(this.#late);
    this.#call?.abort();
    this.#call = null;
  }

  onSse(status: number, headers: IncomingHttpHeaders): void {
    if (this.#isOver) return;
    clearTimeout(this.#late);
    this.#listener.opened(this, status, headers);
  }

  onEvent(event: SseEvent): void {
    if (this.#isOver || event.data === null) return;
    const message = messagesOf(readRpcBody(event.data))[0];
    if (message?.kind === 'response') return this.#end(() => this.#listener.completed(this, event));
    if (message?.kind !== 'notification') return;
    if (message.method !== ACKNOWLEDGED) return this.#listener.notified(this, message, event);
    if (this.isAcknowledged) return;
    this.isAcknowledged = true;
    this.#listener.acknowledged(this, event.data);
  }

  /** Part of a notification too large to be read, and so to be put between those of other replicas. */
  onPiece(): void {
    /* dropped: a change notification has a few hundred bytes */
  }
  onBytes(): void {
    this.#end(() => this.#listener.broken(this, true));
  }
  onWhole(status: number, headers: IncomingHttpHeaders, body: Buffer): void {
    this.#end(() => this.#listener.refused(this, { status, headers, body }));
  }
  onFinished(): void {
    this.#end(() => this.#listener.broken(this, true));
  }
  onFailure({ delivery }: ReplicaFailure): void {
    this.#end(() => this.#listener.broken(this, delivery !== 'not_sent'));
  }

  #end(tell: () => void): void {
    if (this.#isOver) return;
    this.close();
    tell();
  }
}
