import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { parseJson } from '../../proto/parse-json.ts';
import { ApiProblem, STATUS } from './api-problem.ts';
import { checkAuthorization } from './authorization.ts';
import type { AdminContext } from './context.ts';
import { operatorOf } from './operator.ts';
import { openApiOptions, schemaOf } from './openapi.ts';
import type { Route, Stream } from './route.ts';
import { routes as allRoutes } from './routes/all.ts';

const MAX_BODY_BYTES = 1 << 20;
const MAX_PARAM_BYTES = 1024;
const PREFIX = '/v1/';
/** Who follows a stream reads within this time what stands for him. */
const READ_MS = 60_000;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const JSON_HEADERS = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

export interface AdminApiOptions {
  context: AdminContext;
  /** Bearer token; null: loopback only. */
  token: string | null;
  onError?: (error: unknown) => void;
  routes?: readonly Route[];
  /** How long who follows a stream may read nothing. */
  readMs?: number;
}

export type AdminApi = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<unknown> | undefined;

/**
 * The admin API as a handler. It gives undefined for a request that is none of its own. Otherwise it gives a promise that ends with the
 * answer and never rejects.
 */
export async function adminApi({
  context,
  token,
  onError = () => {},
  routes = allRoutes,
  readMs = READ_MS,
}: AdminApiOptions): Promise<AdminApi> {
  const app: FastifyInstance = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: MAX_PARAM_BYTES },
    // A path that can't be decoded comes here before any hook.
    frameworkErrors: (error, _request, reply) => answerProblem(reply as unknown as FastifyReply, problemOf(error)),
  });
  app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, bytes: Buffer) => {
    const body = parseJson(bytes);
    if (body === undefined) throw new ApiProblem('bad-request', 'the body is not JSON, or nests too deep');
    return body;
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(JSON_HEADERS);
    checkAuthorization(request.raw, token);
  });
  app.setErrorHandler((error: FastifyError, { raw }, reply) => {
    // Who went away in the middle of a body is no fault of ours, and gets no answer.
    if (raw.readableAborted) return reply.hijack();
    const problem = problemOf(error);
    if (problem.code === 'internal') onError(error);
    return answerProblem(reply, problem);
  });
  app.setNotFoundHandler(({ raw }) => {
    throw new ApiProblem('not-found', `there is no ${pathOf(raw)}; /openapi.json describes what there is`);
  });
  await app.register(swagger, openApiOptions(context.version, token !== null));
  for (const route of routes) addRoute(app, route, { context, onError, readMs });
  refuseOtherMethods(app, routes);
  app.get('/openapi.json', { schema: { hide: true } }, async () => JSON.stringify(app.swagger()));
  await app.ready();

  return (request, response, url) => {
    if (url.pathname !== '/openapi.json' && !url.pathname.startsWith(PREFIX)) return undefined;
    // A target may name the whole URL; routes are found by the path.
    request.url = url.pathname + url.search;
    const answered = once(response, 'close').catch(() => undefined);
    app.routing(request, response);
    return answered;
  };
}

function answerProblem(reply: FastifyReply, { code, message }: ApiProblem): void {
  reply.headers(JSON_HEADERS);
  if (code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  // An unread body would be taken for the next request of the connection.
  if (code === 'too-large') reply.header('connection', 'close');
  reply.code(STATUS[code]).send(JSON.stringify({ error: { code, message } }));
}

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?')[0] ?? '';
/** fastify writes `:server` where the API's description has `{server}`. */
const fastifyPath = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1');

interface Answering {
  context: AdminContext;
  onError: (error: unknown) => void;
  readMs: number;
}

function addRoute(app: FastifyInstance, route: Route, { context, onError, readMs }: Answering): void {
  app.route({
    method: route.method,
    url: fastifyPath(route.path),
    schema: schemaOf(route),
    ...(route.body && { preParsing: async (request: { raw: IncomingMessage }) => checkIsJson(request.raw) }),
    async handler(request, reply) {
      const gone = new AbortController();
      reply.raw.on('close', () => gone.abort());
      const params = request.params as Record<string, string>;
      const param = (name: string): string => {
        const text = params[name];
        if (text === undefined) throw new Error(`${route.path} has no {${name}}`);
        return text;
      };
      const { query, body } = request;
      const by = operatorOf(request.headers);
      const result = await route.answer({ context, param, query, body: body ?? null, by, signal: gone.signal });
      if (!isStream(result)) return reply.code(route.status ?? 200).send(JSON.stringify(result ?? null));
      reply.hijack();
      await sendStream(reply.raw, result, { signal: gone.signal, readMs }).catch((error: Error) => {
        if (problemOf(error).code === 'internal') onError(error);
        reply.raw.destroy();
      });
      return reply;
    },
  });
}

/** A path that is there is not "not found", whatever is asked of it. */
function refuseOtherMethods(app: FastifyInstance, routes: readonly Route[]): void {
  for (const [path, own] of Map.groupBy(routes, (route) => route.path)) {
    const taken = new Set<string>(own.map(({ method }) => method));
    app.route({
      method: METHODS.filter((method) => !taken.has(method)),
      url: fastifyPath(path),
      schema: { hide: true },
      handler: ({ raw }) => {
        const message = `${pathOf(raw)} takes ${[...taken].join(', ')}, not ${raw.method}`;
        throw new ApiProblem('method-not-allowed', message);
      },
    });
  }
}

function checkIsJson({ headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? '';
  if (!/^application\/json\b/i.test(type))
    throw new ApiProblem('not-json', `content-type must be application/json, not ${type || 'absent'}`);
}

const isStream = (result: unknown): result is Stream =>
  typeof result === 'object' && result !== null && 'stream' in result;

const LINES = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' };
const EVENTS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** A stream's items as they go over the wire. JSON has no line breaks of its own. */
async function* written(stream: Stream, signal: AbortSignal): AsyncGenerator<string> {
  if (stream.as === 'events') {
    for await (const { event, id, data } of stream.stream(signal))
      yield `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
  } else for await (const item of stream.stream(signal)) yield `${JSON.stringify(item)}\n`;
}

interface Following {
  signal: AbortSignal;
  readMs: number;
}

/** False: the client is gone, or took nothing for so long that its place is another's. */
function drained(response: ServerResponse, { signal, readMs }: Following): Promise<boolean> {
  const given = AbortSignal.any([signal, AbortSignal.timeout(readMs)]);
  return once(response, 'drain', { signal: given }).then(
    () => true,
    () => false,
  );
}

async function sendStream(response: ServerResponse, stream: Stream, following: Following): Promise<unknown> {
  const { signal } = following;
  response.writeHead(200, stream.as === 'events' ? EVENTS : LINES);
  response.flushHeaders();
  for await (const text of written(stream, signal)) {
    if (!response.write(text) && !(await drained(response, following))) return response.destroy();
    if (signal.aborted) return undefined;
  }
  return response.end();
}

/** What was thrown, as the client gets it. */
function problemOf(error: Error | FastifyError): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (!('code' in error)) return unexpected(error);
  if (error.validation) {
    const where = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? '');
    const problems = error.validation.map(
      ({ instancePath, message }) => `${where}${instancePath.replaceAll('/', '.')}: ${message ?? ''}`,
    );
    return new ApiProblem('bad-request', problems.join('; '));
  }
  switch (error.code) {
    case 'FST_ERR_BAD_URL':
      return new ApiProblem('bad-request', 'the path is not percent-encoded properly');
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiProblem('too-large', `the body is larger than ${MAX_BODY_BYTES} bytes`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiProblem('not-json', 'content-type must be application/json');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new ApiProblem('bad-request', 'the body is not as long as content-length says');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new ApiProblem('bad-request', `a part of the path is longer than ${MAX_PARAM_BYTES} characters`);
    case 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE':
      return new ApiProblem('method-not-allowed', 'QUERY is no method of this API');
    default:
      return unexpected(error);
  }
}

/** What the store says when it is away must not look like our own mistake. */
function unexpected(error: Error): ApiProblem {
  const isStore = /Redis|Stream isn't writeable|ECONN|timed out|Connection is closed|max retries/i.test(
    `${error.name} ${error.message}`,
  );
  return isStore
    ? new ApiProblem('unavailable', `the session store (Redis) can’t be reached: ${error.message}`, error)
    : new ApiProblem('internal', 'something unexpected happened; the control plane’s log has it', error);
}
