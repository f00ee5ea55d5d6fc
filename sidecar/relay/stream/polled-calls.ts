import { parseJson } from '../../../proto/parse-json.ts';
import { rawJson } from '../../../proto/raw-json.ts';
import type { RpcId } from '../../../proto/rpc-error.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';
import type { SessionDirectory } from '../../session/session-directory.ts';

/**
 * Calls that wait for a resumption: their server closed the stream early, and the client asks for the rest with GET and Last-Event-ID. When
 * the replica that holds their events dies, that GET gets an error for each of them, at any gateway. Without it the client would wait for
 * an answer that nobody can give.
 */
type PolledCall = NonNullable<SessionRecord['polled']>[number];

/** Remembered of one session. */
const MAX_CALLS = 16;
/** A server's event id longer than this is not remembered. */
const MAX_ID_LENGTH = 512;

/** The session whose calls they are. */
export interface OfSession {
  directory: Pick<SessionDirectory, 'amend'>;
  server: string;
  digest: string;
}

/** `upstreamSession`: slot and upstream id, `slot/id`. */
export async function rememberPolled(
  { directory, server, digest }: OfSession,
  eventId: string,
  upstreamSession: string,
  ids: readonly RpcId[],
): Promise<void> {
  if (eventId.length > MAX_ID_LENGTH) return;
  const call: PolledCall = { eventId, upstreamSession, ids: ids.map((id) => JSON.stringify(id)) };
  await directory.amend(server, digest, (record) => ({
    ...record,
    polled: [...(record.polled ?? []).filter((other) => other.eventId !== eventId), call].slice(-MAX_CALLS),
  }));
}

/** They were answered, or given up. */
export async function forgetPolled({ directory, server, digest }: OfSession, eventId: string): Promise<void> {
  await directory.amend(server, digest, (record) => ({
    ...record,
    polled: record.polled?.filter((call) => call.eventId !== eventId),
  }));
}

/** The calls that waited for that event's stream; none as long as the upstream session is the one that has their events. */
export function lostPolled(
  record: Pick<SessionRecord, 'polled'> | null | undefined,
  eventId: string,
  upstreamSession: string,
): RpcId[] {
  const call = record?.polled?.find((one) => one.eventId === eventId);
  return call === undefined || call.upstreamSession === upstreamSession ? [] : call.ids.map(idOf);
}

/** As the client wrote it. */
export function idOf(text: string): RpcId {
  const id = parseJson(text);
  return typeof id === 'string' ? id : rawJson(text);
}
