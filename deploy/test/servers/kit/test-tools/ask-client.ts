import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  ListRootsResultSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { WRITE, answer, tool } from '../definition.ts';
import type { Extra, Session, Tool } from '../definition.ts';

const via = z
  .enum(['call', 'stream'])
  .default('call')
  .describe('Ask on the stream that answers this call, or on the GET stream.');
const TIMEOUT_MS = 60_000;

/** A request from server to client, on either of the two streams that can carry it. */
function ask<S, R extends z.ZodType>(
  request: ServerRequest,
  schema: R,
  on: 'call' | 'stream',
  session: Session<S>,
  extra: Extra,
): Promise<z.output<R>> {
  return on === 'call'
    ? extra.sendRequest(request, schema, { timeout: TIMEOUT_MS })
    : session.server.request(request, schema, { timeout: TIMEOUT_MS });
}

export function sample<S>(): Tool<S> {
  const input = z.object({ prompt: z.string().max(10_000), via });
  return tool<S, typeof input>({
    name: 'sample',
    description: 'Asks the client’s model and returns what it said.',
    annotations: WRITE,
    input,
    async run({ prompt, via: on }, session, extra) {
      const params = {
        messages: [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }],
        maxTokens: 100,
      };
      const said = await ask(
        { method: 'sampling/createMessage', params },
        CreateMessageResultSchema,
        on,
        session,
        extra,
      );
      return answer({
        model: said.model,
        said: said.content.type === 'text' ? said.content.text : said.content.type,
        replica: session.replica.name,
      });
    },
  });
}

export function elicit<S>(): Tool<S> {
  const input = z.object({ question: z.string().max(1000), via });
  return tool<S, typeof input>({
    name: 'elicit',
    description: 'Asks the user a question and returns the answer.',
    annotations: WRITE,
    input,
    async run({ question, via: on }, session, extra) {
      const requestedSchema = {
        type: 'object' as const,
        properties: { answer: { type: 'string' as const, description: 'The answer' } },
        required: ['answer'],
      };
      const got = await ask(
        { method: 'elicitation/create', params: { message: question, requestedSchema } },
        ElicitResultSchema,
        on,
        session,
        extra,
      );
      return answer({ action: got.action, content: got.content ?? null, replica: session.replica.name });
    },
  });
}

export function roots<S>(): Tool<S> {
  const input = z.object({ via });
  return tool<S, typeof input>({
    name: 'roots',
    description: 'Lists the client’s roots.',
    annotations: WRITE,
    input,
    async run({ via: on }, session, extra) {
      const listed = await ask({ method: 'roots/list' }, ListRootsResultSchema, on, session, extra);
      return answer({ roots: listed.roots.map(({ uri }) => uri), replica: session.replica.name });
    },
  });
}
