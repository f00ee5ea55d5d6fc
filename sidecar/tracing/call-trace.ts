import type { OutcomeKind } from '../../proto/outcome.ts';
import { AttemptSpan, type AttemptTarget, type AttemptTrace } from './attempt-trace.ts';
import { ATTRIBUTE, BREAKER_EVENT, SPAN } from './conventions.ts';
import { callAttributes, nameOf, type TracedCall } from './traced-call.ts';
import type { OpenSpan, Recorder } from './recorder.ts';
import { RecoverySpan, type RecoveryTrace } from './recovery-trace.ts';
import { parentOf, type TraceContext } from './trace-context.ts';

/** Whether spans are made as things happen, or once something goes wrong that the operator wants kept. */
export interface Keeping {
  isSampled: boolean;
  errors: boolean;
  recoveries: boolean;
  /** May one more trace be kept that the ratio left out? */
  mayKeep: () => boolean;
}

export interface CallEnd {
  kind: OutcomeKind;
  status: number;
  errorCode: number | null;
  atMs: number;
}

/** Neither what went well nor what the client did wrong or gave up. */
const NO_FAULT: ReadonlySet<OutcomeKind> = new Set(['success', 'cancelled', 'unread', 'client_fault']);

/** The spans of one request. Those of a trace that is not sampled are made when something happens that is kept, with the times that things had. */
export class CallTrace {
  readonly #recorder: Recorder;
  readonly #call: TracedCall;
  readonly #keeping: Keeping;
  readonly #parent: TraceContext | null;
  #root: OpenSpan | null = null;
  #isLeftOut = false;
  #isOver = false;
  #attempts = 0;

  constructor(recorder: Recorder, call: TracedCall, keeping: Keeping) {
    this.#recorder = recorder;
    this.#call = call;
    this.#keeping = keeping;
    this.#parent = parentOf(call.header, call.meta?.context ?? null).parent;
    if (keeping.isSampled) this.#begin();
  }

  /** Of the trace, for logs; null when nobody has named one yet. */
  get traceId(): string | null {
    return this.#root?.context.traceId ?? this.#parent?.traceId ?? null;
  }

  /** Of the request's span; null while nobody keeps it. */
  get context(): TraceContext | null {
    return this.#root?.context ?? null;
  }

  attempt(target: AttemptTarget): AttemptTrace {
    return new AttemptSpan(this.#recorder, this.#call, target, {
      root: () => this.#root,
      fault: () => this.#keep(),
      sent: () => this.#attempts++,
    });
  }

  /** A breaker let an attempt not go. */
  rejected(level: string, key: string, atMs: number): void {
    const root = this.#keeping.errors ? this.#keep() : this.#root;
    root?.event(BREAKER_EVENT, { [ATTRIBUTE.breakerLevel]: level, [ATTRIBUTE.breakerKey]: key }, atMs);
  }

  /** The request waited for something other than a replica. */
  waited(what: string, fromMs: number, atMs: number): void {
    if (!this.#root || this.#isOver || atMs === fromMs) return;
    const attributes = { [ATTRIBUTE.waitedFor]: what };
    const { context: parent } = this.#root;
    this.#recorder.start({ name: SPAN.wait, kind: 'internal', startMs: fromMs, attributes, parent }).end(atMs);
  }

  /** The session is rebuilt for this request. Null: nobody keeps it. */
  recovery(reason: string, atMs: number): RecoveryTrace | null {
    const root = this.#keeping.recoveries ? this.#keep() : this.#root;
    return root && new RecoverySpan(this.#recorder, this.#call, { parent: root.context }, reason, atMs);
  }

  end({ kind, status, errorCode, atMs }: CallEnd): void {
    if (this.#isOver) return;
    const hasFailed = !NO_FAULT.has(kind);
    const root = hasFailed && this.#keeping.errors ? this.#keep() : this.#root;
    this.#isOver = true;
    root?.set({
      [ATTRIBUTE.outcome]: kind,
      ...(status > 0 && { [ATTRIBUTE.httpStatus]: status }),
      ...(errorCode !== null && { [ATTRIBUTE.rpcStatus]: String(errorCode) }),
    });
    // A client ends its event stream by going away.
    const isWell = kind === 'success' || kind === 'unread' || (kind === 'cancelled' && this.#call.message === null);
    root?.end(atMs, isWell ? undefined : errorCode !== null ? String(errorCode) : kind);
  }

  #keep(): OpenSpan | null {
    if (this.#root || this.#isOver || this.#isLeftOut) return this.#root;
    if (!this.#keeping.mayKeep()) {
      this.#isLeftOut = true;
      return null;
    }
    return this.#begin();
  }

  #begin(): OpenSpan {
    const { header, meta, startedMs } = this.#call;
    this.#root = this.#recorder.start({
      name: nameOf(this.#call),
      kind: 'server',
      startMs: startedMs,
      attributes: callAttributes(this.#call),
      ...parentOf(header, meta?.context ?? null),
    });
    return this.#root;
  }
}
