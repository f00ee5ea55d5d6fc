import { detach } from '../../proto/detach.ts';
import type { RpcMessage } from '../../proto/json-rpc.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { askReplica } from '../recovery/ask-replica.ts';
import { ownMessageHeaders } from '../recovery/upstream-headers.ts';
import type { Target } from './target.ts';
import type { RelayContext } from './relay-context.ts';

/** Says that nobody waits for a call any more: its deadline is over. */
export const cancelledMessage = ({ idText }: Pick<RpcMessage, 'idText'>): Buffer =>
  Buffer.from(
    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idText},"reason":"deadline"}}`,
  );

/** Tells a replica that nobody waits for these calls any more. Best effort: a replica that hangs won't hear it. */
export function cancelUpstream(
  ctx: Pick<RelayContext, 'upstream'>,
  policy: ServerPolicy,
  target: Target,
  headers: readonly string[],
  calls: readonly RpcMessage[],
): void {
  for (const call of calls) {
    const body = cancelledMessage(call);
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
