import * as z from 'zod';
import { sessionDigest } from '../../../proto/session-record.ts';
import type { Claims } from '../../../proto/authorization/claim-values.ts';
import { ApiProblem } from '../api-problem.ts';
import type { AdminContext } from '../context.ts';
import { explain, normalPath, type KnownSession } from '../explain.ts';
import { serverAt } from '../server-at.ts';
import { act, noQuery, numberText, read, type Route } from '../route.ts';
import type { SessionReader, SessionView } from '../session-reader.ts';
import { sessionStory } from '../session-story.ts';
import { serverNamed, topologyOf } from './status.ts';

function readerOf({ sessions }: AdminContext): SessionReader {
  if (!sessions)
    throw new ApiProblem(
      'unavailable',
      'sessions are kept in the gateways’ memory (SESSION_STORE=memory), where the control plane can’t see them',
    );
  return sessions;
}

const explainSchema = z.strictObject({
  path: z.string().startsWith('/').optional().describe('Path of the request; /mcp/<server> when absent.'),
  server: z.string().optional().describe('Server, instead of a path.'),
  method: z
    .string()
    .regex(/^[A-Za-z]+$/)
    .default('POST'),
  headers: z.record(z.string(), z.string()).default({}),
  act: z
    .strictObject({ method: z.string().min(1), object: z.string().nullable().default(null) })
    .optional()
    .describe('What the body asks to do: the method, and the tool, prompt or URI. For the server’s rules.'),
  claims: z.record(z.string(), z.json()).optional().describe('Claims of the token, for the server’s rules.'),
});

async function knownSession(
  context: AdminContext,
  server: string | undefined,
  id: string | undefined,
): Promise<KnownSession> {
  if (server === undefined || id === undefined || !context.sessions) return 'unknown';
  try {
    return (await context.sessions.find(server, sessionDigest(id))) ?? 'none';
  } catch {
    return 'unknown';
  }
}

/** Where sessions may live: every slot of the servers asked for, those of replicas that are gone among them. */
function placesOf(
  context: AdminContext,
  query: { server?: string | undefined; replica?: string | undefined },
): { server: string; slot: string; replica: string | null }[] {
  return topologyOf(context)
    .servers.filter(({ name }) => query.server === undefined || name === query.server)
    .flatMap(({ name: server, endpoints, lostSlots }) => [
      ...endpoints.map(({ slot, replica }) => ({ server, slot, replica: replica as string | null })),
      ...lostSlots.map((slot) => ({ server, slot, replica: null })),
    ])
    .filter(({ replica, slot }) => query.replica === undefined || replica === query.replica || slot === query.replica);
}

const sessionsOn = (
  reader: SessionReader,
  server: string,
  slot: string,
  { digest, limit }: { digest?: string | undefined; limit: number },
): Promise<SessionView[]> =>
  digest === undefined ? reader.list(server, slot, limit) : reader.listDigests(server, slot, digest, limit);

/** Of a whole digest. */
const DIGITS = 64;

export const sessionRoutes: Route[] = [
  read(
    '/v1/sessions',
    'Sessions, last active first; without their ids.',
    z.strictObject({
      server: z.string().optional(),
      replica: z.string().optional(),
      digest: z
        .string()
        .regex(/^[0-9a-f]{12,64}$/, '12 to 64 hexadecimal digits')
        .optional()
        .describe('How the digest begins, as in logs and spans (12 digits); with all 64 also a session that ended.'),
      limit: numberText(1, 10_000).default(100),
    }),
    async ({ context, query }) => {
      const reader = readerOf(context);
      if (query.server !== undefined) serverNamed(context, query.server);
      const endpoints = placesOf(context, query);
      if (query.replica !== undefined && endpoints.length === 0)
        throw new ApiProblem('not-found', `there is no replica or slot ${query.replica}`);
      const found: Array<SessionView & { replica: string | null }> = [];
      for (const { server, slot, replica } of endpoints)
        for (const session of await sessionsOn(reader, server, slot, query)) found.push({ ...session, replica });
      if (query.digest?.length === DIGITS && found.length === 0)
        for (const server of new Set(endpoints.map((each) => each.server))) {
          const session = await reader.find(server, query.digest);
          if (session) found.push({ ...session, replica: null });
        }
      return found.sort((one, other) => other.lastActivityMs - one.lastActivityMs).slice(0, query.limit);
    },
  ),
  read(
    '/v1/sessions/{server}/{digest}',
    'One session by the SHA-256 of its id, and its story: began, each move, ended.',
    noQuery,
    async ({ context, param }) => {
      const found = await readerOf(context).find(param('server'), param('digest'));
      if (!found)
        throw new ApiProblem(
          'not-found',
          `no session of ${param('server')} has this digest; a story ends with its session’s time to live (sessionTtlSeconds)`,
        );
      const endpoints = context.topology()?.servers.find(({ name }) => name === found.server)?.endpoints ?? [];
      const nameOf = (slot: string): string | null => endpoints.find((each) => each.slot === slot)?.replica ?? null;
      return { ...found, replica: nameOf(found.slot), story: sessionStory(found, nameOf) };
    },
  ),
  act(
    '/v1/explain',
    'Which way a request would go, to which replica, and why.',
    explainSchema,
    async ({ context, body }) => {
      const topology = topologyOf(context);
      if (body.server !== undefined) serverNamed(context, body.server);
      const path = body.path ?? (body.server === undefined ? '/mcp' : `/mcp/${body.server}`);
      const headers = Object.fromEntries(
        Object.entries(body.headers).map(([name, value]) => [name.toLowerCase(), value]),
      );
      return explain(
        {
          ...{ method: body.method.toUpperCase(), path, headers },
          ...(body.act && { act: body.act }),
          ...(body.claims && { claims: body.claims as Claims }),
        },
        topology,
        await knownSession(context, serverAt(normalPath(path), topology)?.name, headers['mcp-session-id']),
      );
    },
  ),
];
