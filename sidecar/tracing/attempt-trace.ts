import { ATTRIBUTE } from './conventions.ts';
import type { Attributes, OpenSpan, Recorder } from './recorder.ts';
import { withMetaContext, withTraceHeaders } from './trace-context.ts';
import { commonAttributes, messageAttributes, nameOf, type TracedCall } from './traced-call.ts';

export type AttemptTarget =
  | { at: 'replica'; slot: string; backend: string; address: string }
  | { at: 'neighbour'; address: string };

export interface AttemptEnd {
  /** `error.type`; null: the replica answered. */
  error: string | null;
  /** It is a reason to keep the trace. */
  isFault: boolean;
  delivery?: string;
  httpStatus?: number;
  atMs: number;
}

/** One attempt at one replica. */
export interface AttemptTrace {
  /** It goes out: the headers with this attempt as the replica's parent, or the same ones where nobody keeps it. */
  sending(headers: string[], atMs: number): string[];
  /** The same for a body in whose `_meta` the client had put a context. */
  body(body: Buffer): Buffer;
  /** Says nothing of an attempt that never went out. */
  end(end: AttemptEnd): void;
}

/** The call's span. */
export interface CallSpan {
  root(): OpenSpan | null;
  /** The same when an attempt failed: it may be kept from now on. */
  fault(): OpenSpan | null;
  /** How many attempts went out before this one. */
  sent(): number;
}

export class AttemptSpan implements AttemptTrace {
  readonly #recorder: Recorder;
  readonly #call: TracedCall;
  readonly #target: AttemptTarget;
  readonly #of: CallSpan;
  #number = 0;
  /** When it went out. */
  #sentMs: number | null = null;
  #span: OpenSpan | null = null;

  constructor(recorder: Recorder, call: TracedCall, target: AttemptTarget, of: CallSpan) {
    this.#recorder = recorder;
    this.#call = call;
    this.#target = target;
    this.#of = of;
  }

  sending(headers: string[], atMs: number): string[] {
    this.#number = this.#of.sent();
    this.#sentMs = atMs;
    const root = this.#of.root();
    if (root) this.#begin(root, atMs);
    return this.#span ? withTraceHeaders(headers, this.#span.context) : headers;
  }

  body(body: Buffer): Buffer {
    const { meta } = this.#call;
    return this.#span && meta ? withMetaContext(body, meta.at, this.#span.context) : body;
  }

  end({ error, isFault, delivery, httpStatus, atMs }: AttemptEnd): void {
    if (this.#sentMs === null) return;
    const root = isFault ? this.#of.fault() : this.#of.root();
    const span = this.#span ?? (root && this.#begin(root, this.#sentMs));
    this.#sentMs = null;
    span?.set({ [ATTRIBUTE.delivery]: delivery, [ATTRIBUTE.httpStatus]: httpStatus });
    span?.end(atMs, error ?? undefined);
  }

  #begin({ context: parent }: OpenSpan, startMs: number): OpenSpan {
    const { message } = this.#call;
    const attributes = {
      ...commonAttributes(this.#call),
      ...(message && messageAttributes(message)),
      [ATTRIBUTE.resendCount]: this.#number > 0 ? this.#number : undefined,
      ...targetAttributes(this.#target),
    };
    const name = nameOf(this.#call);
    this.#span = this.#recorder.start({ name, kind: 'client', startMs, attributes, parent });
    return this.#span;
  }
}

export function targetAttributes(target: AttemptTarget): Attributes {
  const colon = target.address.lastIndexOf(':');
  return {
    [ATTRIBUTE.serverAddress]: target.address.slice(0, colon).replace(/^\[|\]$/g, ''),
    [ATTRIBUTE.serverPort]: Number(target.address.slice(colon + 1)),
    ...(target.at === 'neighbour'
      ? { [ATTRIBUTE.neighbour]: true }
      : { [ATTRIBUTE.slot]: target.slot, [ATTRIBUTE.backend]: target.backend }),
  };
}
