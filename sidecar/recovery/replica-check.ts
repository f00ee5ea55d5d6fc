import type { ServerPolicy } from '../../proto/server-policy.ts';
import { askReplica, type ReplicaAnswer } from './ask-replica.ts';
import type { Upstream } from './upstream.ts';

/** A replica under load is slow to answer even a ping. */
const PATIENCE_MS = 2000;
const PING = Buffer.from('{"jsonrpc":"2.0","id":"holdfast-check","method":"ping"}');

/**
 * Whether a replica answers as an MCP server does, asked without anybody's session or credentials. That it wants a session, or a token, is an
 * answer. Nothing that a client does to its own session changes what comes back.
 */
export async function isReplicaAlive(
  upstream: Pick<Upstream, 'send'>,
  address: string,
  { path, hostOverride, timeouts: { connectMs } }: ServerPolicy,
): Promise<boolean> {
  const answer = await askReplica(
    upstream,
    {
      address,
      method: 'POST',
      path,
      headers: [
        'host',
        hostOverride ?? address,
        'content-type',
        'application/json',
        'accept',
        'application/json, text/event-stream',
      ],
      body: PING,
      connectTimeoutMs: connectMs,
    },
    Math.max(PATIENCE_MS, connectMs),
  );
  return speaksMcp(answer);
}

/** A refusal (4xx) is an answer; a success must hold JSON-RPC, or a replica that answers garbage would pass. */
function speaksMcp(answer: ReplicaAnswer): boolean {
  if (answer.kind !== 'answered' || answer.status >= 500) return false;
  if (answer.status >= 300) return true;
  return answer.rpc !== null && (answer.rpc.result !== undefined || answer.rpc.error !== undefined);
}
