import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';
import type { Owner } from '../../principal/identities.ts';
import { newSession } from '../../session/new-session.ts';

export interface NewSession {
  replica: ReplicaEndpoint;
  upstreamId: string;
  owner: Owner;
  initializeParams: unknown;
  nowMs: number;
}

/** The session that an answer to `initialize` names: the id that the client gets, and its record once `result` has told the rest. */
export function newSessionRecord({
  replica: { server, backend, slot },
  owner,
  initializeParams,
  ...more
}: NewSession): {
  clientId: string;
  record: SessionRecord;
} {
  return newSession({ server, backend, slot, ...owner, ...more }, { initializeParams });
}

/** The record with what `initialize` was answered; null when the answer is none (an error, or not what the protocol asks for). */
export function initializedRecord(record: SessionRecord, result: unknown): SessionRecord | null {
  const { protocolVersion, capabilities } = (result ?? {}) as { protocolVersion?: unknown; capabilities?: unknown };
  if (typeof protocolVersion !== 'string') return null;
  return {
    ...record,
    protocolVersion,
    capabilities:
      capabilities !== null && typeof capabilities === 'object' ? (capabilities as Record<string, unknown>) : {},
  };
}
