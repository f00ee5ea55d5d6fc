import { clientSessionId } from '../../proto/session-id.ts';
import { RECORD_VERSION, sessionDigest, type SessionRecord } from '../../proto/session-record.ts';
import { userIdOf } from '../routing/principal.ts';

export interface NewSession {
  server: string;
  backend: string;
  slot: string;
  /** The replica's own id. */
  upstreamId: string;
  principal: string | null;
  hasCredentials: boolean;
  initializeParams: unknown;
  nowMs: number;
}

/** The id that the client gets, and the record of its session. */
export function newSession({ server, backend, slot, upstreamId, principal, hasCredentials, initializeParams, nowMs }: NewSession): { clientId: string; record: SessionRecord } {
  const clientId = clientSessionId({ slot, upstreamId, principal });
  const asked = (initializeParams as { protocolVersion?: unknown } | null | undefined)?.protocolVersion;
  return {
    clientId,
    record: {
      version: RECORD_VERSION, server, type: 'http', digest: sessionDigest(clientId), principal, userId: userIdOf(principal), hasCredentials, initializeParams,
      // What the replica answers follows with the body; until then, what was asked for.
      protocolVersion: typeof asked === 'string' ? asked : '', capabilities: {}, logLevel: null, subscriptions: [], hasGetStream: false,
      backend, slot, upstreamId, epoch: 0, createdAtMs: nowMs, lastActivityMs: nowMs, isTombstone: false,
    },
  };
}
