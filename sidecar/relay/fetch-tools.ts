import type { Json } from '../../proto/parse-json.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { HEADER } from '../../proto/wire.ts';
import { askReplica } from '../recovery/ask-replica.ts';
import { ownMessageHeaders } from '../recovery/upstream-headers.ts';
import type { Target } from './target.ts';
import type { RelayContext } from './relay-context.ts';

/** Pages of tools/list that are read. */
const MAX_PAGES = 20;

/** Asks a replica for its tools, when a decision hangs on what they say of themselves. `meta`: `_meta` of a request of 2026-07-28 and later. */
export async function fetchTools(
  ctx: Pick<RelayContext, 'upstream' | 'tools'>,
  policy: ServerPolicy,
  target: Target,
  headers: readonly string[],
  meta?: Json,
): Promise<void> {
  const era = meta === undefined ? [] : [HEADER.method, 'tools/list'];
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page++) {
    const body = Buffer.from(
      JSON.stringify({
        jsonrpc: '2.0',
        id: 'holdfast-tools',
        method: 'tools/list',
        params: { ...(cursor !== undefined && { cursor }), ...(meta !== undefined && { _meta: meta }) },
      }),
    );
    const answer = await askReplica(
      ctx.upstream,
      {
        address: target.replica.address,
        method: 'POST',
        path: policy.path,
        headers: [...ownMessageHeaders(headers, target.upstreamId, target.record?.protocolVersion), ...era],
        body,
        connectTimeoutMs: policy.timeouts.connectMs,
      },
      policy.timeouts.recoveryMs,
    );
    if (answer.kind !== 'answered' || !answer.rpc?.result) return;
    ctx.tools.learn(policy.name, answer.rpc.result);
    cursor = (answer.rpc.result as { nextCursor?: unknown }).nextCursor;
    if (typeof cursor !== 'string') return;
  }
}
