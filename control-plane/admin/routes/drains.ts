import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { drainKey, drainTargetSchema, type DrainTarget } from '../../drain/drain.ts';
import { ApiProblem } from '../api-problem.ts';
import type { AdminContext } from '../context.ts';
import { act, noQuery, read, type Route } from '../route.ts';

const MAX_DEADLINE_MS = 24 * 3_600_000;
const DEFAULT_DEADLINE_MS = 60_000;
const POLL_MS = 200;

const startSchema = z.strictObject({
  target: drainTargetSchema,
  deadlineMs: z
    .int()
    .min(0)
    .max(MAX_DEADLINE_MS)
    .default(DEFAULT_DEADLINE_MS)
    .describe('It counts as done after this long, whatever is left.'),
  untilRestart: z
    .boolean()
    .default(false)
    .describe('Take the replica in again by itself once a new incarnation of it is healthy.'),
});

async function start(
  context: AdminContext,
  target: DrainTarget,
  deadlineMs: number,
  untilRestart: boolean,
  by: string,
) {
  const answer = await context.drains.start(target, deadlineMs, untilRestart, by);
  if ('problem' in answer) throw new ApiProblem('not-found', answer.problem);
  return { ...answer.drain, warning: answer.warning };
}

/** Waits until a drain is done, or the client has gone. */
async function done(context: AdminContext, target: DrainTarget, signal: AbortSignal) {
  while (!signal.aborted) {
    const found = context.drains.current().find((each) => drainKey(each.target) === drainKey(target));
    if (!found || found.doneAtMs !== null) return { done: true, reason: found?.reason ?? 'taken in again' };
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
  return { done: false, reason: 'nobody waits any more' };
}

export const drainRoutes: Route[] = [
  read('/v1/drains', 'What is drained or being drained, with what is left on it.', noQuery, ({ context }) =>
    context.drains.status(),
  ),
  act(
    '/v1/drains',
    'Takes a replica, a backend or a gateway out: no new sessions, calls in flight finish, sessions move.',
    startSchema,
    ({ context, body, by }) => start(context, body.target, body.deadlineMs, body.untilRestart, by),
    201,
  ),
  act(
    '/v1/undrain',
    'Takes it in again.',
    z.strictObject({ target: drainTargetSchema }),
    async ({ context, body, by }) => {
      const answer = await context.drains.end(body.target, by);
      if ('problem' in answer) throw new ApiProblem('not-found', answer.problem);
      return answer.drain;
    },
  ),
  act(
    '/v1/prestop',
    'For a preStop hook: drains a replica and answers when it is done.',
    z.strictObject({
      server: z.string(),
      replica: z.string().describe('Name of the pod, or ip:port.'),
      deadlineMs: z.int().min(0).max(MAX_DEADLINE_MS).default(DEFAULT_DEADLINE_MS),
    }),
    async ({ context, body, by, signal }) => {
      const wanted: DrainTarget = { kind: 'replica', server: body.server, replica: body.replica };
      const { target } = await start(context, wanted, body.deadlineMs, true, by);
      return done(context, target, signal);
    },
  ),
];
