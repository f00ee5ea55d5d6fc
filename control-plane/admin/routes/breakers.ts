import * as z from 'zod';
import { MAX_TOOL_NAME_LENGTH } from '../../../proto/server-tool.ts';
import { breakerLevelSchema, type BreakerReport } from '../../../proto/breaker-state.ts';
import { ApiProblem } from '../api-problem.ts';
import { breakerCommandSchema, type BreakerControl } from '../breaker-control.ts';
import type { AdminContext } from '../context.ts';
import { act, read, type Route } from '../route.ts';
import { serverNamed, topologyOf } from './status.ts';

function controlOf({ breakers }: AdminContext): BreakerControl {
  if (!breakers)
    throw new ApiProblem('unavailable', 'without Redis (SESSION_STORE=memory) breakers are each gateway’s own');
  return breakers;
}

const orderSchema = z.strictObject({
  server: z.string(),
  level: breakerLevelSchema,
  key: z.string().min(1).max(MAX_TOOL_NAME_LENGTH).describe('Replica (its name, address or slot), or name of a tool.'),
  command: breakerCommandSchema.describe(
    'force-open: rejects all. disable: admits all, counts nothing. observe: admits all, counts. reset: closed, and left to itself.',
  ),
  by: z.string().min(1).max(100).optional().describe('Who orders it, instead of the header; shown to others.'),
});

const replicaOf = (context: AdminContext, server: string, slot: string) =>
  topologyOf(context)
    .servers.find(({ name }) => name === server)
    ?.endpoints.find((each) => each.slot === slot)?.replica ?? null;

/** Whether what a breaker stands before is still in the mesh: gateways forget the others' decisions a few minutes later. */
function isThere(context: AdminContext, { server, level, key }: BreakerReport): boolean {
  if (level === 'replica') return replicaOf(context, server, key) !== null;
  const tools = topologyOf(context).servers.find(({ name }) => name === server)?.tools ?? null;
  return tools === null || tools.some(({ name }) => name === key);
}

export const breakerRoutes: Route[] = [
  read(
    '/v1/breakers',
    'Breakers that were ever open or that somebody ordered something of; the others are closed.',
    z.strictObject({ server: z.string().optional() }),
    async ({ context, query }) => {
      const servers =
        query.server === undefined
          ? topologyOf(context).servers.map(({ name }) => name)
          : [serverNamed(context, query.server).name];
      const found = await controlOf(context).list(servers);
      return found
        .filter((each) => each.order || isThere(context, each))
        .map((each) => ({
          ...each,
          replica: each.level === 'replica' ? replicaOf(context, each.server, each.key) : null,
        }));
    },
  ),
  act(
    '/v1/breakers',
    'Orders a breaker of the whole fleet open, off, watching, or back to itself.',
    orderSchema,
    async ({ context, body, ...call }) => {
      const by = body.by ?? call.by;
      const { endpoints, name } = serverNamed(context, body.server);
      const endpoint = endpoints.find(({ replica, address, slot }) => [replica, address, slot].includes(body.key));
      if (body.level === 'replica' && !endpoint)
        throw new ApiProblem(
          'not-found',
          `${name} has no replica ${body.key}; it has ${endpoints.map(({ replica }) => replica).join(', ') || 'none'}`,
        );
      const ofReplica = body.level === 'replica' ? endpoint : undefined;
      const key = ofReplica?.slot ?? body.key;
      await controlOf(context).order(name, { level: body.level, key }, body.command, by);
      const subject = ofReplica?.replica ?? body.key;
      context.events.append({
        kind: `breaker.${body.command}`,
        level: 'warning',
        server: name,
        subject,
        message: `${name} ${body.level} ${subject}: ${body.command}`,
        by,
      });
      return { server: name, level: body.level, key, command: body.command };
    },
  ),
];
