import { clientSessionId } from '../../proto/session-id.ts';
import { RECORD_VERSION, sessionDigest, userIdOf, type SessionRecord } from '../../proto/session-record.ts';
import type { Owner } from '../principal/identities.ts';

/** Where a session begins and whose it is; `upstreamId` is the replica's own id. */
export type NewSession = Pick<SessionRecord, 'server' | 'backend' | 'slot' | 'upstreamId'> & Owner & { nowMs: number };

/** The id that the client gets, and the record of its session. `known`: what is known of it beyond that. */
export function newSession(
  { nowMs, ...where }: NewSession,
  known: Partial<SessionRecord> = {},
): { clientId: string; record: SessionRecord } {
  const clientId = clientSessionId(where);
  return {
    clientId,
    record: {
      version: RECORD_VERSION,
      type: 'http',
      ...where,
      digest: sessionDigest(clientId),
      userId: userIdOf(where.principal),
      hasCredentials: where.credentials !== null,
      initializeParams: null,
      protocolVersion: '',
      capabilities: {},
      logLevel: null,
      subscriptions: [],
      hasGetStream: false,
      epoch: 0,
      createdAtMs: nowMs,
      lastActivityMs: nowMs,
      isTombstone: false,
      ...known,
    },
  };
}
