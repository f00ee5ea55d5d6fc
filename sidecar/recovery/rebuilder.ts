import type { IncomingHttpHeaders } from 'node:http';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { SessionRecord } from '../../proto/session-record.ts';

/** A replica's answer that no other replica would give differently: its client must see it (401, 403). */
export interface OwnRefusal {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export type Rebuilt =
  | { kind: 'built'; upstreamId: string }
  /** This replica can't have it; another may. `upstreamId` is what must be deleted there. */
  | {
      kind: 'try-another';
      why: 'unreachable' | 'timeout' | 'capability' | 'failed';
      detail: string;
      upstreamId: string | null;
    }
  | { kind: 'refused'; answer: OwnRefusal };

/** What a recovery has to know of a transport. */
export interface Rebuilder {
  /** Makes the session anew at a replica. Comes to an end within `leftMs`. */
  rebuild(replica: ReplicaEndpoint, record: SessionRecord, leftMs: number): Promise<Rebuilt>;
  /** Ends an upstream session that nobody uses any more, best effort. */
  abandon(replica: ReplicaEndpoint, upstreamId: string, record: SessionRecord): void;
}
