import type { IncomingHttpHeaders } from 'node:http';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { SseReader } from '../../proto/sse-reader.ts';
import type { Upstream, UpstreamCall, UpstreamFailure, UpstreamRequest, UpstreamSink } from './upstream.ts';

export interface RpcAnswer {
  result?: unknown;
  error?: { code?: unknown; message?: unknown };
}
export type ReplicaAnswer =
  /** `rpc` is null when the answer carries none (202, or an error page). */
  | { kind: 'answered'; status: number; headers: IncomingHttpHeaders; rpc: RpcAnswer | null; body: Buffer }
  | { kind: 'failed'; failure: UpstreamFailure }
  | { kind: 'timeout' };

/** Largest answer to a message of the relay's own (initialize, tools/list). */
const MAX_ANSWER_BYTES = 8 << 20;

/** Time for a stream to end by itself after its answer, so that its connection can be kept. */
const DRAIN_MS = 1000;

/** Sends one message of the relay's own and waits for its answer, be it JSON or the first response on an SSE stream. */
export function askReplica(
  upstream: Pick<Upstream, 'send'>,
  request: UpstreamRequest,
  timeoutMs: number,
): Promise<ReplicaAnswer> {
  return new Promise((resolve) => new Ask(upstream, request, timeoutMs, resolve));
}

class Ask implements UpstreamSink {
  readonly #resolve: (answer: ReplicaAnswer) => void;
  readonly #call: UpstreamCall;
  readonly #timer: NodeJS.Timeout;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #sse: SseReader | null = null;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(
    upstream: Pick<Upstream, 'send'>,
    request: UpstreamRequest,
    timeoutMs: number,
    resolve: (answer: ReplicaAnswer) => void,
  ) {
    this.#resolve = resolve;
    this.#timer = setTimeout(() => {
      this.#call.abort();
      resolve({ kind: 'timeout' });
    }, timeoutMs);
    this.#call = upstream.send(request, this);
  }

  onHead(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
    if (!String(headers['content-type'] ?? '').startsWith('text/event-stream')) return;
    this.#sse = new SseReader(
      {
        event: ({ data }) => {
          if (data) this.#tryEvent(data);
        },
        oversize: () => undefined,
      },
      MAX_ANSWER_BYTES,
    );
  }

  onData(chunk: Buffer): void {
    if (this.#sse) return this.#sse.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes <= MAX_ANSWER_BYTES) this.#pieces.push(chunk);
  }

  onEnd(): void {
    const body = Buffer.concat(this.#pieces);
    this.#finish(this.#sse ? null : parse(body), body);
  }

  onFailure(failure: UpstreamFailure): void {
    clearTimeout(this.#timer);
    this.#resolve({ kind: 'failed', failure });
  }

  #tryEvent(data: Buffer): void {
    const rpc = parse(data);
    if (!rpc || !('result' in rpc || 'error' in rpc)) return;
    this.#finish(rpc, data);
    setTimeout(() => this.#call.abort(), DRAIN_MS).unref();
  }

  #finish(rpc: RpcAnswer | null, body: Buffer): void {
    clearTimeout(this.#timer);
    this.#resolve({ kind: 'answered', status: this.#status, headers: this.#headers, rpc, body });
  }
}

function parse(bytes: Buffer): RpcAnswer | null {
  return (parseJsonObject(bytes) as RpcAnswer | undefined) ?? null;
}
