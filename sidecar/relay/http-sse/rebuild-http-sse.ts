import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';
import {
  judgeInitialize,
  planRecovery,
  type InitializeResult,
  type RecoveryStep,
} from '../../recovery/recovery-plan.ts';
import type { Rebuilder, Rebuilt } from '../../recovery/rebuilder.ts';
import type { Recovered } from '../../recovery/recovery-request.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { RelayContext } from '../relay-context.ts';
import { endpointId } from './endpoint.ts';
import { ReplicaStream, type ReplicaStreamListener } from './replica-stream.ts';
import type { Guard } from '../../replica/answer-reader.ts';

/**
 * Rebuilds one HTTP+SSE session, whose stream this relay holds. What the new replica sends before the session is whole goes to the listener only for
 * the endpoint.
 */
export class HttpSseRebuilder implements Rebuilder {
  readonly #open: (replica: ReplicaEndpoint) => ReplicaStream;
  readonly #initializeMs: number;
  /** By slot: where the session was built, and not ended again. */
  readonly #streams = new Map<string, ReplicaStream>();

  /** `view` has the query of the client's GET, `headers` are that GET's. */
  constructor(
    ctx: Pick<RelayContext, 'upstream'>,
    view: ServerView,
    headers: readonly string[],
    listener: ReplicaStreamListener,
    guard: Guard,
  ) {
    this.#open = (replica) => new ReplicaStream(ctx, view, replica, headers, listener, guard);
    this.#initializeMs = view.policy.timeouts.initializeMs;
  }

  /** The stream that a session has since it was rebuilt here. */
  streamOf(recovered: Recovered): ReplicaStream | null {
    return (recovered.kind === 'recovered' && this.#streams.get(recovered.record.slot)) || null;
  }

  async rebuild(replica: ReplicaEndpoint, record: SessionRecord, leftMs: number): Promise<Rebuilt> {
    const stream = this.#open(replica);
    const timer = setTimeout(() => stream.close(), Math.min(leftMs, this.#initializeMs));
    const replayed = await replay(stream, record, leftMs).finally(() => clearTimeout(timer));
    // Its stream is the session: not every step of the replay must succeed, and the limit or the replica may have ended it meanwhile.
    const rebuilt =
      stream.isOver && replayed.kind === 'built' ? tryAnother('unreachable', 'its stream ended') : replayed;
    if (rebuilt.kind === 'built') this.#streams.set(replica.slot, stream);
    else stream.close();
    return rebuilt;
  }

  /** A session of HTTP+SSE ends with its stream. The one before has ended already. */
  abandon({ slot }: ReplicaEndpoint): void {
    this.#streams.get(slot)?.close();
    this.#streams.delete(slot);
  }
}

async function replay(stream: ReplicaStream, record: SessionRecord, timeoutMs: number): Promise<Rebuilt> {
  const endpoint = await stream.named;
  if (endpoint === null) return tryAnother('unreachable', 'it named no endpoint');
  const built: Rebuilt = { kind: 'built', upstreamId: endpointId(endpoint) };
  if (record.initializeParams === null) return built; // Its client never got to initialize.
  for (const step of planRecovery(record)) {
    const fault = await say(stream, step, record, timeoutMs);
    if (fault) return fault;
  }
  return built;
}

/** Null: it went well enough. */
async function say(
  stream: ReplicaStream,
  step: RecoveryStep,
  record: SessionRecord,
  timeoutMs: number,
): Promise<Rebuilt | null> {
  const answer = await stream.ask(step.message, timeoutMs);
  if (step.mustSucceed && (!answer || (step.hasAnswer && answer.result === undefined)))
    return tryAnother('failed', step.message.method);
  if (step.kind !== 'initialize' || record.protocolVersion === '') return null;
  const verdict = judgeInitialize(record, (answer?.result ?? {}) as InitializeResult);
  return verdict.kind === 'differs' ? tryAnother('capability', verdict.what) : null;
}

const tryAnother = (why: 'unreachable' | 'capability' | 'failed', detail: string): Rebuilt => ({
  kind: 'try-another',
  why,
  detail,
  upstreamId: null,
});
