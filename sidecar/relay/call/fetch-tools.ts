import type { Json } from '../../../proto/parse-json.ts';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import { listTools, upstreamSession } from '../../replica/session-messages.ts';
import type { Target } from './target.ts';
import type { RelayContext } from '../relay-context.ts';

/** Pages of tools/list that are read. */
const MAX_PAGES = 20;

/** Asks a replica for its tools, when a decision hangs on what they say of themselves: `recoveryMs` for all pages. `meta`: `_meta` of a request of 2026-07-28 and later. */
export async function fetchTools(
  ctx: Pick<RelayContext, 'upstream' | 'tools'>,
  policy: ServerPolicy,
  target: Target,
  headers: readonly string[],
  meta?: Json,
): Promise<void> {
  const session = upstreamSession(policy, target, headers);
  const untilMs = performance.now() + policy.timeouts.recoveryMs;
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const leftMs = untilMs - performance.now();
    if (leftMs <= 0) return;
    const answer = await listTools(ctx.upstream, session, { cursor, meta }, leftMs);
    if (answer.kind !== 'answered' || !answer.rpc?.result) return;
    ctx.tools.learn(policy.name, answer.rpc.result);
    const { nextCursor } = answer.rpc.result as { nextCursor?: unknown };
    if (typeof nextCursor !== 'string') return;
    cursor = nextCursor;
  }
}
