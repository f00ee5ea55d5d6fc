import * as z from 'zod';
import { OUTCOME_KINDS } from '../../../proto/outcome.ts';
import { MAX_WATCHES, type CallFilter } from '../../../proto/watch/watch-messages.ts';
import { TOP_GROUPS } from '../../watch/top-window.ts';
import type { CallWatch } from '../../watch/call-watch.ts';
import { ApiProblem } from '../api-problem.ts';
import type { AdminContext } from '../context.ts';
import { read, type Route } from '../route.ts';
import { serverNamed, topologyOf } from './status.ts';

function watchOf({ calls }: AdminContext): CallWatch {
  if (!calls)
    throw new ApiProblem('unavailable', 'calls are told through Redis, and this mesh has none (SESSION_STORE=memory)');
  if (calls.isFull)
    throw new ApiProblem(
      'unavailable',
      `${MAX_WATCHES} operators watch calls already; gateways tell no more at a time`,
    );
  return calls;
}

const filterSchema = z.strictObject({
  server: z.string().optional(),
  tool: z.string().max(256).optional(),
  replica: z.string().optional().describe('Name, address or slot.'),
  outcome: z.enum(OUTCOME_KINDS).optional(),
});

function filterOf(context: AdminContext, query: z.infer<typeof filterSchema>): CallFilter {
  const { server, tool, replica, outcome } = query;
  if (server !== undefined) serverNamed(context, server);
  return {
    ...(server !== undefined && { server }),
    ...(tool !== undefined && { tool }),
    ...(replica !== undefined && { slots: slotsOf(context, replica, server) }),
    ...(outcome !== undefined && { outcome }),
  };
}

function slotsOf(context: AdminContext, named: string, server: string | undefined): string[] {
  const slots = topologyOf(context)
    .servers.filter(({ name }) => server === undefined || name === server)
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ replica, address, slot }) => named === replica || named === address || named === slot)
    .map(({ slot }) => slot);
  if (slots.length === 0)
    throw new ApiProblem('not-found', `there is no replica ${named}; \`holdfast replicas\` names them`);
  return slots.slice(0, 64);
}

/** The replica that has a slot now; null for one that is gone, and for none. */
const replicaOf = (context: AdminContext, server: string, slot: string | null | undefined): string | null =>
  topologyOf(context)
    .servers.find(({ name }) => name === server)
    ?.endpoints.find((each) => each.slot === slot)?.replica ?? null;

export const callRoutes: Route[] = [
  read(
    '/v1/tap',
    'Calls as they end, as lines of JSON without an end; `dropped` says how many were left out.',
    filterSchema,
    ({ context, query, signal }) => {
      const lines = watchOf(context).tap(filterOf(context, query), signal);
      return {
        stream: async function* () {
          for await (const line of lines)
            yield 'dropped' in line ? line : { ...line, replica: replicaOf(context, line.server, line.slot) };
        },
      };
    },
  ),
  read(
    '/v1/top',
    'Rates, durations and outcomes of the last 10 s, and breakers that are not closed: a line of JSON a second.',
    filterSchema.extend({ by: z.enum(TOP_GROUPS).default('tool') }),
    ({ context, query: { by, ...query }, signal }) => {
      const tables = watchOf(context).top(by, filterOf(context, query), signal);
      return {
        stream: async function* () {
          for await (const { nodes, rows } of tables)
            yield {
              atMs: context.now(),
              nodes,
              rows: rows.map((row) =>
                by === 'replica' ? { ...row, replica: replicaOf(context, row.server, row.slot) } : row,
              ),
              breakers: await notClosed(context),
            };
        },
      };
    },
  ),
];

/** Breakers that stop or try calls now; none while Redis can't say. */
async function notClosed(context: AdminContext): Promise<object[]> {
  const servers = topologyOf(context).servers.map(({ name }) => name);
  const found = (await context.breakers?.list(servers).catch(() => [])) ?? [];
  return found
    .filter(({ state }) => state !== 'closed')
    .map(({ server, level, key, state }) => ({ server, level, key, state }));
}
