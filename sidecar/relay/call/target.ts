import type { IncomingHttpHeaders } from 'node:http';
import type { RpcBody } from '../../../proto/json-rpc.ts';
import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';

/** Where a request goes: a replica and, on a session, the id and the record by which it is known there. */
export interface Target {
  replica: ReplicaEndpoint;
  upstreamId: string | null;
  record: SessionRecord | null;
}

/** Names one upstream session. */
export const upstreamSessionOf = ({ replica, upstreamId }: Target): string => `${replica.slot}/${upstreamId}`;

/**
 * Where an attempt goes. `session`: to the replica that has the session. `replica`: to any. `holder`: to the one that holds what the request names.
 * `seek`: to one of many, of which one may hold it. `neighbour`: to another gateway's relay, `ip:port`.
 */
export type Destination =
  | { at: 'session' | 'replica' | 'holder' | 'seek'; target: Target }
  | { at: 'neighbour'; address: string };

/** A replica's complete answer, which is no stream. */
export interface WholeAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** What `body` was read as, where it was. */
  rpc?: RpcBody;
  /** The message, where `body` is the event that it came in. */
  data?: Buffer;
}
