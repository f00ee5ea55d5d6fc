import type { IncomingHttpHeaders } from 'node:http';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { SessionRecord } from '../../proto/session-record.ts';

/** Where a request goes: a replica and, on a session, the id and the record by which it is known there. */
export interface Target {
  replica: ReplicaEndpoint;
  upstreamId: string | null;
  record: SessionRecord | null;
}

/** Names one upstream session. */
export const lifeOf = ({ replica, upstreamId }: Target): string => `${replica.slot}/${upstreamId}`;

/** A replica's complete answer, which is no stream. */
export interface WholeAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}
