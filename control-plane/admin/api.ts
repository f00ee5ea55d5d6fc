import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJson } from '../../proto/parse-json.ts';
import type * as z from 'zod';
import { ApiProblem, STATUS } from './api-problem.ts';
import { checkAuthorization } from './authorization.ts';
import type { AdminContext } from './context.ts';
import { openApi } from './openapi.ts';
import type { Route, Stream } from './route.ts';
import { routes as allRoutes } from './routes/all.ts';

const MAX_BODY_BYTES = 1 << 20;
const PREFIX = '/v1/';

export interface AdminApiOptions {
  context: AdminContext;
  /** Bearer token; null: loopback only. */
  token: string | null;
  onError?: (error: unknown) => void;
  routes?: readonly Route[];
}

/** The admin API as a handler: undefined when the request is none of its own; else a promise that ends with the answer and never rejects. */
export function adminApi({
  context,
  token,
  onError = () => {},
  routes = allRoutes,
}: AdminApiOptions): (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | undefined {
  const description = JSON.stringify(openApi(routes, context.version, token !== null));
  return (request, response, url) => {
    const isDescription = url.pathname === '/openapi.json';
    if (!isDescription && !url.pathname.startsWith(PREFIX)) return undefined;
    return (async () => {
      checkAuthorization(request, token);
      if (isDescription) return send(response, 200, description);
      await answer(request, response, url, context, routes);
    })().catch((error: unknown) => {
      const problem = error instanceof ApiProblem ? error : unexpected(error);
      if (problem.code === 'internal') onError(error);
      if (response.headersSent) {
        response.destroy();
        return;
      }
      if (problem.code === 'unauthorized') response.setHeader('www-authenticate', 'Bearer');
      // An unread body would be taken for the next request of the connection.
      if (problem.code === 'too-large') response.setHeader('connection', 'close');
      send(response, STATUS[problem.code], JSON.stringify({ error: { code: problem.code, message: problem.message } }));
    });
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  context: AdminContext,
  routes: readonly Route[],
): Promise<void> {
  const { route, params } = find(routes, request.method ?? 'GET', url.pathname);
  const query = check(route.query, Object.fromEntries(url.searchParams), 'query');
  const body = route.body ? check(route.body, await readJson(request), 'body') : null;
  const gone = new AbortController();
  response.on('close', () => {
    gone.abort();
  });
  const param = (name: string): string => {
    const text = params[name];
    if (text === undefined) throw new Error(`${route.path} has no {${name}}`);
    return text;
  };
  const result = await route.answer({ context, param, query, body, signal: gone.signal });
  if (isStream(result)) return streamLines(response, result, gone.signal);
  send(response, route.status ?? 200, JSON.stringify(result ?? null));
}

function find(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } {
  const matching = routes.flatMap((route) => {
    const params = match(route.path, path);
    return params ? [{ route, params }] : [];
  });
  if (matching.length === 0)
    throw new ApiProblem('not-found', `there is no ${path}; /openapi.json describes what there is`);
  const found = matching.find(({ route }) => route.method === method);
  if (!found)
    throw new ApiProblem(
      'method-not-allowed',
      `${path} takes ${[...new Set(matching.map(({ route }) => route.method))].join(', ')}, not ${method}`,
    );
  return found;
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/'),
    given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? '';
    if (!part.startsWith('{')) {
      if (part !== text) return undefined;
      continue;
    }
    try {
      params[part.slice(1, -1)] = decodeURIComponent(text);
    } catch {
      throw new ApiProblem('bad-request', `${text} is not percent-encoded properly`);
    }
  }
  return params;
}

function check(schema: z.ZodType, value: unknown, where: string): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ApiProblem(
    'bad-request',
    parsed.error.issues.map(({ path, message }) => `${[where, ...path].join('.')}: ${message}`).join('; '),
  );
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\b/i.test(type))
    throw new ApiProblem('not-json', `content-type must be application/json, not ${type || 'absent'}`);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_BODY_BYTES) throw new ApiProblem('too-large', `the body is larger than ${MAX_BODY_BYTES} bytes`);
    pieces.push(piece);
  }
  const body = parseJson(Buffer.concat(pieces));
  if (body === undefined) throw new ApiProblem('bad-request', 'the body is not JSON, or nests too deep');
  return body;
}

const isStream = (result: unknown): result is Stream =>
  typeof result === 'object' && result !== null && 'stream' in result;

async function streamLines(response: ServerResponse, { stream }: Stream, signal: AbortSignal): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  response.flushHeaders();
  for await (const item of stream(signal)) {
    if (!response.write(`${JSON.stringify(item)}\n`))
      await new Promise<void>((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    if (signal.aborted) return;
  }
  response.end();
}

function send(response: ServerResponse, status: number, body: string): void {
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    .end(body);
}

/** What the store says when it is away must not look like our own mistake. */
function unexpected(error: unknown): ApiProblem {
  const message = error instanceof Error ? error.message : String(error);
  const isStore = /Redis|Stream isn't writeable|ECONN|timed out|Connection is closed|max retries/i.test(
    `${(error as { name?: string }).name} ${message}`,
  );
  return isStore
    ? new ApiProblem('unavailable', `the session store (Redis) can’t be reached: ${message}`, error)
    : new ApiProblem('internal', 'something unexpected happened; the control plane’s log has it', error);
}
