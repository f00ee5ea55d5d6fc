import * as z from 'zod';
import { rolloutPlanSchema, rolloutWeights, type Rollout } from '../../rollout/rollout.ts';
import { ApiProblem } from '../api-problem.ts';
import type { AdminContext } from '../context.ts';
import { withFormerName } from '../former-name.ts';
import { act, noQuery, read, type Route } from '../route.ts';
import { serverNamed } from './status.ts';

const show = (context: AdminContext, rollout: Rollout) => {
  const endpoints = context.topology()?.servers.find(({ name }) => name === rollout.plan.server)?.endpoints ?? [];
  const healthy = (backend: string) =>
    endpoints.filter((each) => each.backend === backend && each.state !== 'unhealthy').length;
  return {
    ...rollout,
    weights: Object.fromEntries(
      rolloutWeights(rollout, { from: healthy(rollout.plan.from), to: healthy(rollout.plan.to) }),
    ),
  };
};

const command = (name: 'pause' | 'resume' | 'promote' | 'abort', summary: string): Route =>
  act(`/v1/rollouts/{server}/${name}`, summary, z.strictObject({}), async ({ context, param, by }) => {
    const answer = await context.rollouts.command(param('server'), name, by);
    if ('problem' in answer)
      throw new ApiProblem(answer.problem.startsWith('there is no') ? 'not-found' : 'conflict', answer.problem);
    return show(context, answer.rollout);
  });

export const rolloutRoutes: Route[] = [
  read('/v1/rollouts', 'The last rollout of each server, running or over.', noQuery, ({ context }) =>
    [...context.rollouts.current().values()].map((each) => show(context, each)),
  ),
  read('/v1/rollouts/{server}', 'One rollout.', noQuery, ({ context, param }) => {
    const found = context.rollouts.current().get(param('server'));
    if (!found) throw new ApiProblem('not-found', `there is no rollout of ${param('server')}`);
    return show(context, found);
  }),
  act(
    '/v1/rollouts',
    'Starts to move a server’s new sessions from one backend to another.',
    rolloutPlanSchema,
    async ({ context, body, by }) => {
      serverNamed(context, body.server);
      const answer = await context.rollouts.start(body, by);
      if ('problem' in answer) throw new ApiProblem('conflict', answer.problem);
      return show(context, answer.rollout);
    },
    201,
  ),
  command('pause', 'Stays at its step; analysis goes on and may roll back.'),
  command('resume', 'Goes on after a pause, or approves what held it.'),
  command('promote', 'All new sessions to the new backend, at once.'),
  command('abort', 'All new sessions back to the old backend, at once.'),
  act(
    '/v1/rollouts/{server}/clear',
    'Forgets a rollout that is over: the configured weights are in force again.',
    z.strictObject({}),
    async ({ context, param, by }) => {
      const answer = await context.rollouts.clear(param('server'), by);
      if (answer)
        throw new ApiProblem(answer.problem.startsWith('there is no') ? 'not-found' : 'conflict', answer.problem);
      return { cleared: param('server') };
    },
  ),
  read(
    '/v1/contract',
    'How the tools of two backends differ.',
    z.strictObject({ server: z.string(), from: z.string(), to: z.string() }),
    ({ context, query }) => {
      const { backends } = serverNamed(context, query.server);
      for (const name of [query.from, query.to])
        if (!backends.some((each) => each.name === name))
          throw new ApiProblem(
            'not-found',
            `${query.server} has no backend ${name}; it has ${backends.map((each) => each.name).join(', ')}`,
          );
      const changes = context.rollouts.contract(query.server, query.from, query.to);
      if (!changes)
        throw new ApiProblem(
          'unavailable',
          'the tools of both backends are not known yet: each needs a healthy replica that was probed in MCP',
        );
      return withFormerName(changes);
    },
  ),
];
