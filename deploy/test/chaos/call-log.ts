import type { DeliveryOutcome } from '../../../proto/rpc-error.ts';

/** What one call of one session came to, as its client saw it. Times are ms since the epoch. */
export interface Call {
  session: number;
  /** open: initialize. last: the one that shows, when all is over, whether the session still lives. */
  kind: 'safe' | 'unsafe' | 'open' | 'last';
  tool: string;
  /** Key of an unsafe call: the server counts executions by it. */
  key: string | null;
  startedAtMs: number;
  endedAtMs: number;
  result:
    | { kind: 'answered' }
    /** An error of the mesh that says what became of the request. */
    | { kind: 'typed-error'; outcome: DeliveryOutcome; code: number | null }
    | { kind: 'error'; message: string }
    /** Nothing came until the client's own timeout. */
    | { kind: 'hang' };
}

const OUTCOME = /"outcome"\s*:\s*"(not_sent|sent_no_response|partial_response)"/;
const TIMED_OUT = /timed out|timeout|aborted due to/i;

/** Sorts what an official client throws: v1 and v2 put an HTTP error's body into the message, a JSON-RPC error into code and data. */
export function resultOfError(error: unknown): Call['result'] {
  const { message = String(error), code = null, data, cause } = (error ?? {}) as Thrown;
  const numeric = typeof code === 'number' ? code : null;
  if (data?.outcome) return { kind: 'typed-error', outcome: data.outcome, code: numeric };
  const inText = OUTCOME.exec(`${message} ${JSON.stringify(data ?? '')}`.replaceAll('\\"', '"'))?.[1] as
    | DeliveryOutcome
    | undefined;
  if (inText) return { kind: 'typed-error', outcome: inText, code: numeric };
  if (numeric === -32001 && TIMED_OUT.test(message)) return { kind: 'hang' };
  if (TIMED_OUT.test(message)) return { kind: 'hang' };
  // `fetch failed` alone says nothing.
  const why = cause?.code ?? cause?.message;
  return { kind: 'error', message: `${message}${why === undefined ? '' : ` (${why})`}`.slice(0, 300) };
}

interface Thrown {
  message?: string;
  code?: number | string | null;
  data?: { outcome?: DeliveryOutcome };
  cause?: { code?: string; message?: string };
}

export interface CallCounts {
  calls: number;
  answered: number;
  typedErrors: number;
  errors: number;
  hangs: number;
  slowestMs: number;
  p99Ms: number;
}

export function count(calls: readonly Call[]): CallCounts {
  const of = (kind: Call['result']['kind']): number => calls.filter((call) => call.result.kind === kind).length;
  const took = calls.map((call) => call.endedAtMs - call.startedAtMs).sort((a, b) => a - b);
  return {
    calls: calls.length,
    answered: of('answered'),
    typedErrors: of('typed-error'),
    errors: of('error'),
    hangs: of('hang'),
    slowestMs: took.at(-1) ?? 0,
    p99Ms: took[Math.floor(took.length * 0.99)] ?? 0,
  };
}
