import { detach } from '../../proto/detach.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { askReplica } from './ask-replica.ts';
import { ownMessageHeaders } from './upstream-headers.ts';
import type { Upstream } from './upstream.ts';

/** Time for a replica to take a DELETE that nobody waits for. */
const DELETE_MS = 2000;

/** Ends a session that nobody uses any more at a replica that may still hold it. Nothing depends on its success: replicas expire sessions too. */
export function deleteUpstream(
  upstream: Pick<Upstream, 'send'>,
  policy: ServerPolicy,
  replica: ReplicaEndpoint,
  upstreamId: string,
  protocolVersion: string,
  headers: readonly string[],
): void {
  detach(
    askReplica(
      upstream,
      {
        address: replica.address,
        method: 'DELETE',
        path: policy.path,
        headers: ownMessageHeaders(headers, upstreamId, protocolVersion),
        body: null,
        connectTimeoutMs: policy.timeouts.connectMs,
      },
      DELETE_MS,
    ),
    () => undefined,
  );
}
