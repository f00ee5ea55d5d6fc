import { messagesOf, readRpcBody } from '../../../proto/json-rpc.ts';
import { withinMs } from '../../../proto/within-ms.ts';
import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import { ask, type ReplicaAnswer } from '../../replica/ask.ts';
import { upstreamHeaders } from '../../replica/headers.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest, PostBody } from '../client/client-request.ts';
import { RequestOutcome } from '../call/request-outcome.ts';
import type { RelayContext } from '../relay-context.ts';
import type { ServerView } from '../../xds/topology.ts';
import { intersectDiscovery } from './intersect-discovery.ts';

/** Replicas asked for one discovery. */
const MAX_ASKED = 16;
const ASK_MS = 5000;
/** Once one has answered, the others have this long: a replica that hangs must not hold up every client. */
const LATE_REPLY_MS = 150;

type Answered = Extract<ReplicaAnswer, { kind: 'answered' }>;
interface Asked {
  replica: ReplicaEndpoint;
  answer: Answered;
}

/**
 * Answers server/discover while replicas may differ (a rolling upgrade). All active ones are asked. The client gets what they have in
 * common, since its next request may meet any of them. False: too few replicas to differ, or none answered; nothing was said to the client.
 */
export async function discover(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
  { bytes: body, rpc }: PostBody,
): Promise<boolean> {
  const replicas = view.endpoints.filter(({ state }) => state === 'active').slice(0, MAX_ASKED);
  if (replicas.length < 2) return false;
  const headers = upstreamHeaders(request.incoming.rawHeaders, null, view.policy.hostOverride);
  const answers = await firstAndLateReplies(
    replicas.map(async (replica): Promise<Asked | null> => {
      const answer = await ask(
        ctx.upstream,
        {
          address: replica.address,
          method: 'POST',
          path: request.path,
          headers,
          body,
          connectTimeoutMs: view.policy.timeouts.connectMs,
        },
        ASK_MS,
      );
      return answer.kind === 'answered' && answer.rpc ? { replica, answer } : null;
    }),
  );
  if (client.isOver) return true;
  // Results first; when there is none, whatever the first one said (401, unknown method) is the answer.
  const chosen = answers.find(({ answer }) => resultOf(answer) !== null) ?? answers[0];
  if (!chosen) return false;
  const outcome = new RequestOutcome(ctx, request, rpc);
  outcome.sent(chosen.replica, null);
  const { status, headers: said, body: whole } = chosen.answer,
    results = answers.map(({ answer }) => resultOf(answer)).filter((result) => result !== null),
    common = results.length > 1 ? intersectDiscovery(results) : null;
  const isAsSaid = common === null || JSON.stringify(common) === JSON.stringify(resultOf(chosen.answer));
  const told = isAsSaid ? whole : Buffer.from(JSON.stringify({ ...chosen.answer.rpc, result: common }));
  for (const message of messagesOf(readRpcBody(told))) outcome.answered(message);
  client.whole(status, { ...said, 'content-type': 'application/json' }, told);
  outcome.finish(status, said['retry-after'] !== undefined);
  return true;
}

/** In the order of the questions. */
async function firstAndLateReplies(questions: readonly Promise<Asked | null>[]): Promise<Asked[]> {
  const got: (Asked | null)[] = questions.map(() => null);
  const all = Promise.all(
    questions.map(async (question, index) => {
      got[index] = await question;
    }),
  );
  const first = Promise.any(
    questions.map(async (question) => {
      if (!(await question)) throw new Error('no answer');
    }),
  ).catch(() => undefined);
  await Promise.race([all, first]);
  await withinMs(LATE_REPLY_MS, all, () => undefined);
  return got.filter((each) => each !== null);
}

const resultOf = ({ rpc }: Answered): Record<string, unknown> | null => {
  const result = rpc?.result;
  return result !== null && typeof result === 'object' && !Array.isArray(result)
    ? (result as Record<string, unknown>)
    : null;
};
