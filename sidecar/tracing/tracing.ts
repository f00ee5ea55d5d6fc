import { detach } from '../../proto/detach.ts';
import { messagesOf, type RpcBody } from '../../proto/json-rpc.ts';
import type { RecoveryReason } from '../../proto/recovery-reason.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import type { Tracing as TracingConfig } from '../../proto/tracing.ts';
import { HEADER } from '../../proto/wire.ts';
import type { ClientRequest } from '../relay/client/client-request.ts';
import { CallTrace } from './call-trace.ts';
import type { Recorder } from './recorder.ts';
import { RecoverySpan, type RecoveryTrace } from './recovery-trace.ts';
import { readMetaContext, readTraceparent, type TraceContext } from './trace-context.ts';
import type { TracedCall } from './traced-call.ts';

export type LoadRecorder = (tracing: TracingConfig) => Promise<Recorder>;

/** Traces a request; null where nothing of it may be kept. */
export type BeginTrace = (request: ClientRequest, rpc: RpcBody | null, body: Buffer | null) => CallTrace | null;

/** Traces a recovery that no request waits for, as a trace of its own; null where nobody keeps it. `link`: what it is done for, such as a GET stream. */
export type BeginRecoveryTrace = (
  record: Pick<SessionRecord, 'server' | 'digest' | 'protocolVersion'>,
  reason: RecoveryReason,
  link: TraceContext | null,
) => RecoveryTrace | null;

/** How traces begin. */
export interface Traces {
  begin: BeginTrace;
  recovery: BeginRecoveryTrace;
}

export interface TracingOptions {
  /** Loads what makes spans: not before somebody configures it. */
  load: LoadRecorder;
  now: () => number;
  random: () => number;
  onError: (error: unknown) => void;
  /** Traces that were not kept because too many were within one second. */
  leftOut: () => void;
}

/** Traces that are kept for their errors and recoveries, though the ratio left them out, per second and process. */
const MOST_KEPT_PER_SECOND = 50;
/** Enough of the digest to follow one session, as in the audit trail. */
const DIGEST_DIGITS = 12;

/** Tracing of this process as the configuration says it now. While it says nothing, a request costs one comparison. */
export class Tracing implements Traces {
  readonly #options: TracingOptions;
  #config: TracingConfig | null = null;
  #key = '';
  #recorder: Recorder | null = null;
  #second = 0;
  #kept = 0;

  constructor(options: TracingOptions) {
    this.#options = options;
  }

  configure(config: TracingConfig | null): void {
    const key = JSON.stringify(config);
    if (key === this.#key || (config === null && this.#config === null)) return;
    this.#key = key;
    this.#config = config;
    detach(() => this.#replace(config, key), this.#options.onError);
  }

  async close(): Promise<void> {
    this.#config = null;
    await this.#recorder?.close();
    this.#recorder = null;
  }

  readonly begin: BeginTrace = (request, rpc, body) => {
    if (!this.#recorder || !this.#config) return null;
    const [message = null] = rpc ? messagesOf(rpc) : [];
    if (rpc && !message) return null;
    const { headers, method = '' } = request.incoming;
    const header = readTraceparent(one(headers['traceparent']), one(headers['tracestate']));
    const meta = body && rpc?.kind === 'single' ? readMetaContext(body) : null;
    const { keep } = this.#config.sampling;
    const isSampled = this.#isSampled(this.#config, header, meta?.context ?? null);
    if (!isSampled && keep.length === 0) return null;
    return new CallTrace(
      this.#recorder,
      {
        server: request.server,
        mode: request.mode,
        message,
        httpMethod: method,
        session: request.digest?.slice(0, DIGEST_DIGITS) ?? null,
        protocolVersion: one(headers[HEADER.protocolVersion]) ?? message?.claimedVersion ?? null,
        startedMs: request.startedMs,
        header,
        meta,
      },
      { isSampled, errors: keep.includes('errors'), recoveries: keep.includes('recoveries'), mayKeep: this.#mayKeep },
    );
  };

  readonly recovery: BeginRecoveryTrace = ({ server, digest, protocolVersion }, reason, link) => {
    if (!this.#recorder || !this.#config) return null;
    const { ratio, keep } = this.#config.sampling;
    const { now, random } = this.#options;
    if (!(random() < ratio || (keep.includes('recoveries') && this.#mayKeep()))) return null;
    const startedMs = now();
    const call: TracedCall = {
      ...{ server, mode: 'none', message: null, httpMethod: 'POST', session: digest.slice(0, DIGEST_DIGITS) },
      ...{ protocolVersion, startedMs, header: null, meta: null },
    };
    return new RecoverySpan(this.#recorder, call, { parent: null, link }, reason, startedMs);
  };

  /** The gateway's Envoy has decided, where it traces; else it is decided here, by the same rules. */
  #isSampled({ from, sampling }: TracingConfig, header: TraceContext | null, meta: TraceContext | null): boolean {
    if (sampling.followClients && meta?.isSampled === true) return true;
    if (header && (sampling.followClients || from.includes('gateways'))) return header.isSampled;
    if (meta && sampling.followClients) return false;
    return this.#options.random() < sampling.ratio;
  }

  async #replace(config: TracingConfig | null, key: string): Promise<void> {
    const recorder = config && (await this.#options.load(config));
    // The configuration may have changed again meanwhile.
    if (this.#key !== key) return recorder?.close();
    const former = this.#recorder;
    this.#recorder = recorder;
    await former?.close();
  }

  readonly #mayKeep = (): boolean => {
    const second = Math.floor(this.#options.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#kept = 0;
    }
    if (this.#kept < MOST_KEPT_PER_SECOND) {
      this.#kept++;
      return true;
    }
    this.#options.leftOut();
    return false;
  };
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
