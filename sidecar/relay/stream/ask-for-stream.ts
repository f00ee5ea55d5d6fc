import { HEADER } from '../../../proto/wire.ts';
import { upstreamHeaders } from '../../replica/headers.ts';
import { AnswerReader, type AnswerListener } from '../../replica/answer-reader.ts';
import type { ReplicaFailure } from '../../replica/client.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { RelayContext } from '../relay-context.ts';
import type { WholeAnswer } from '../call/target.ts';
import type { Identities } from '../../principal/identities.ts';
import { isOwnEventId } from '../resume/event-id.ts';
import type { StreamClient } from './stream-client.ts';
import type { OpenStream } from './stream-state.ts';

/** What becomes of a stream at a replica. Exactly one of refused, finished and failed comes last. */
export interface StreamFate {
  /** False: the client's stream has gone on, and nothing more is told. */
  isCurrent(): boolean;
  opened(status: number, headers: Parameters<AnswerListener['onSse']>[1]): void;
  heard(): void;
  /** It answers without a stream. */
  refused(answer: WholeAnswer): void;
  finished(isCut: boolean): void;
  failed(failure: ReplicaFailure): void;
}

export interface AskedStream {
  ctx: Pick<RelayContext, 'upstream' | 'now'>;
  view: ServerView;
  path: string;
  /** Of the client's GET, without Last-Event-ID. */
  headers: readonly string[];
  client: ClientAnswer;
  told: StreamClient;
}

/** The headers of a client's GET for a replica, and apart from them the event that it has heard last. */
export function streamHeaders(
  raw: readonly string[],
  host: string | null,
  identities: Pick<Identities, 'isOwnMark'>,
): { headers: string[]; lastEventId: string | undefined } {
  const headers = upstreamHeaders(raw, null, host);
  const at = headers.indexOf('last-event-id');
  const lastEventId = at < 0 ? undefined : headers.splice(at, 2)[1];
  // No replica knows an id of this mesh. Of a mesh behind this one it does.
  const isOwn = lastEventId !== undefined && isOwnEventId(identities, lastEventId);
  return { headers, lastEventId: isOwn ? undefined : lastEventId };
}

/** Asks the replica for the stream, from the last event on; its events pass to the client. */
export function askForStream(asked: AskedStream, open: OpenStream, fate: StreamFate): void {
  const { ctx, view, path, client, told } = asked;
  const { replica, upstreamId } = open.target;
  const plain = [...asked.headers, HEADER.sessionId, upstreamId];
  if (told.lastEventId !== undefined) plain.push('last-event-id', told.lastEventId);
  open.trace = told.outcome.trace?.attempt({ at: 'replica', ...replica }) ?? null;
  const headers = open.trace?.sending(plain, ctx.now()) ?? plain;
  const { connectMs: connectTimeoutMs } = view.policy.timeouts;
  const wanted = { address: replica.address, method: 'GET', path, headers, body: null, connectTimeoutMs } as const;
  open.call = ctx.upstream.send(wanted, new AnswerReader(listener(told, open, traced(open, fate, ctx.now)), client));
}

/** The same, and the trace hears how the attempt ended. */
function traced({ trace }: OpenStream, fate: StreamFate, now: () => number): StreamFate {
  if (!trace) return fate;
  const end = (error: string | null, isFault: boolean, httpStatus?: number): void =>
    trace.end({ error, isFault, atMs: now(), ...(httpStatus !== undefined && { httpStatus }) });
  return {
    ...fate,
    refused(answer) {
      end(answer.status >= 400 ? String(answer.status) : null, answer.status >= 500, answer.status);
      fate.refused(answer);
    },
    finished(isCut) {
      end(isCut ? 'cut' : null, isCut, 200);
      fate.finished(isCut);
    },
    failed(failure) {
      end(failure.code, true);
      fate.failed(failure);
    },
  };
}

function listener(told: StreamClient, open: OpenStream, fate: StreamFate): AnswerListener {
  const during = <A extends unknown[]>(run: (...args: A) => void) => {
    return (...args: A): void => {
      if (fate.isCurrent()) run(...args);
    };
  };
  const pauseUnless = (hasRoom: boolean): void => {
    if (!hasRoom) open.call?.pause();
  };
  return {
    onSse: during((status, headers) => fate.opened(status, headers)),
    onEvent: during((event) => {
      fate.heard();
      pauseUnless(told.event(event, open.target));
    }),
    onPiece: during((bytes, isLast) => pauseUnless(told.write(bytes, isLast))),
    onBytes: during((status) => fate.refused({ status, headers: {}, body: Buffer.alloc(0) })),
    onWhole: during((status, headers, body) => fate.refused({ status, headers, body })),
    onFinished: during((isCut) => fate.finished(isCut)),
    onFailure: during((failure) => fate.failed(failure)),
  };
}
