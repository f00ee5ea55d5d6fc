import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { ReplicaAnswer } from './ask.ts';
import type { ReplicaClient } from './client.ts';
import { ping } from './session-messages.ts';

/** A replica under load is slow to answer even a ping. */
const TIMEOUT_MS = 2000;

/**
 * Whether a replica answers as an MCP server does, asked without anybody's session or credentials. That it wants a session, or a token, is an
 * answer. Nothing that a client does to its own session changes what comes back.
 */
export async function isReplicaAlive(
  upstream: Pick<ReplicaClient, 'send'>,
  address: string,
  { path, hostOverride, timeouts: { connectMs } }: ServerPolicy,
): Promise<boolean> {
  const headers = ['host', hostOverride ?? address];
  const nobody = { address, path, headers, upstreamId: null, protocolVersion: null, connectTimeoutMs: connectMs };
  const answer = await ping(upstream, nobody, Math.max(TIMEOUT_MS, connectMs));
  return speaksMcp(answer);
}

/** A refusal (4xx) is an answer; a success must hold JSON-RPC, or a replica that answers garbage would pass. */
function speaksMcp(answer: ReplicaAnswer): boolean {
  if (answer.kind !== 'answered' || answer.status >= 500) return false;
  if (answer.status >= 300) return true;
  return answer.rpc !== null && (answer.rpc.result !== undefined || answer.rpc.error !== undefined);
}
