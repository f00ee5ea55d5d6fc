import { targetAttributes } from './attempt-trace.ts';
import { ATTRIBUTE, SPAN, spanName } from './conventions.ts';
import type { OpenSpan, Recorder, SpanStart } from './recorder.ts';
import { withTraceHeaders } from './trace-context.ts';
import { commonAttributes, type TracedCall } from './traced-call.ts';

/** One message of a recovery. */
export interface MessageTrace {
  headers(headers: readonly string[]): string[];
  /** `error`: why it did not do; null when it did. */
  end(error: string | null, atMs: number): void;
}

export interface TracedReplica {
  slot: string;
  backend: string;
  address: string;
}

/** What is done to bring a session back, told by who does it. */
export interface RecoverySteps {
  waited(what: string, fromMs: number, atMs: number): void;
  message(method: string, replica: TracedReplica, atMs: number): MessageTrace;
}

/** A recovery as one request meets it. */
export interface RecoveryTrace extends RecoverySteps {
  /** `result`: that of the metric; `recovered` and `followed` are no errors. */
  end(result: string, atMs: number): void;
}

const WELL: ReadonlySet<string> = new Set(['recovered', 'followed']);

/** Of which trace a recovery is part: that of a request, or one of its own. */
type Within = Pick<SpanStart, 'parent' | 'link'>;

export class RecoverySpan implements RecoveryTrace {
  readonly #recorder: Recorder;
  readonly #call: TracedCall;
  readonly #span: OpenSpan;

  constructor(recorder: Recorder, call: TracedCall, within: Within, reason: string, startMs: number) {
    this.#recorder = recorder;
    this.#call = call;
    const attributes = {
      [ATTRIBUTE.server]: call.server,
      [ATTRIBUTE.sessionDigest]: call.session ?? undefined,
      [ATTRIBUTE.recoveryReason]: reason,
    };
    this.#span = recorder.start({ name: SPAN.recovery, kind: 'internal', startMs, attributes, ...within });
  }

  waited(what: string, fromMs: number, atMs: number): void {
    if (atMs === fromMs) return;
    const { context: parent } = this.#span;
    const attributes = { [ATTRIBUTE.waitedFor]: what };
    this.#recorder.start({ name: SPAN.wait, kind: 'internal', startMs: fromMs, attributes, parent }).end(atMs);
  }

  message(method: string, replica: TracedReplica, atMs: number): MessageTrace {
    const span = this.#recorder.start({
      name: spanName(method, null),
      kind: 'client',
      startMs: atMs,
      attributes: {
        ...commonAttributes(this.#call),
        [ATTRIBUTE.method]: method,
        ...targetAttributes({ at: 'replica', ...replica }),
      },
      parent: this.#span.context,
    });
    return {
      headers: (headers) => withTraceHeaders(headers, span.context),
      end: (error, endMs) => span.end(endMs, error ?? undefined),
    };
  }

  end(result: string, atMs: number): void {
    this.#span.set({ [ATTRIBUTE.recoveryResult]: result });
    this.#span.end(atMs, WELL.has(result) ? undefined : result);
  }
}
