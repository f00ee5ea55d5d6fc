import { clientSessionId } from '../../proto/session-id.ts';
import { RECORD_VERSION, sessionDigest, type SessionRecord } from '../../proto/session-record.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { userIdOf } from '../routing/principal.ts';

export interface Birth { replica: ReplicaEndpoint; upstreamId: string; principal: string | null; hasCredentials: boolean; initializeParams: unknown; nowMs: number }

/** The session id that the client gets. */
export const meshId = ({ replica, upstreamId, principal }: Pick<Birth, 'replica' | 'upstreamId' | 'principal'>): string =>
  clientSessionId({ slot: replica.slot, upstreamId, principal });

/** The record of a session that `initialize` began; null when the answer is none (an error, or not what the protocol asks for). */
export function bornRecord(birth: Birth, result: unknown): SessionRecord | null {
  const { protocolVersion, capabilities } = (result ?? {}) as { protocolVersion?: unknown; capabilities?: unknown };
  if (typeof protocolVersion !== 'string') return null;
  return {
    version: RECORD_VERSION, server: birth.replica.server, type: 'http', digest: sessionDigest(meshId(birth)), principal: birth.principal,
    userId: userIdOf(birth.principal), hasCredentials: birth.hasCredentials, initializeParams: birth.initializeParams, protocolVersion,
    capabilities: capabilities !== null && typeof capabilities === 'object' ? capabilities as Record<string, unknown> : {},
    logLevel: null, subscriptions: [], hasGetStream: false, backend: birth.replica.backend, slot: birth.replica.slot, upstreamId: birth.upstreamId,
    epoch: 0, createdAtMs: birth.nowMs, lastActivityMs: birth.nowMs, isTombstone: false,
  };
}
