import { detach } from '../../proto/detach.ts';
import type { RpcMessage } from '../../proto/json-rpc.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { askReplica } from '../recovery/ask-replica.ts';
import { ownMessageHeaders } from '../recovery/upstream-headers.ts';
import type { Target } from './target.ts';
import type { RelayContext } from './relay-context.ts';

/** Tells a replica that nobody waits for these calls any more. Best effort: a replica that hangs won't hear it. */
export function cancelUpstream(
  ctx: Pick<RelayContext, 'upstream'>,
  policy: ServerPolicy,
  target: Target,
  headers: readonly string[],
  calls: readonly RpcMessage[],
): void {
  for (const call of calls) {
    const body = Buffer.from(
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${call.idText},"reason":"deadline"}}`,
    );
    detach(
      askReplica(
        ctx.upstream,
        {
          address: target.replica.address,
          method: 'POST',
          path: policy.path,
          headers: ownMessageHeaders(headers, target.upstreamId, target.record?.protocolVersion),
          body,
          connectTimeoutMs: policy.timeouts.connectMs,
        },
        policy.timeouts.connectMs,
      ),
      () => undefined,
    );
  }
}
