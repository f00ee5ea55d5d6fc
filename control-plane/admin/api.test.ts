import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { request } from 'undici';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { controlServer } from '../../proto/http/control-server.ts';
import { adminApi, type AdminApiOptions } from './api.ts';
import { noQuery, read } from './route.ts';
import { routes } from './routes/all.ts';
import { sampleContext, SAMPLE_CONFIG, type Sample } from './testing/sample-context.ts';

interface Answer {
  status: number;
  body: unknown;
  headers: Record<string, string | string[] | undefined>;
}
type Ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

async function api(
  t: ExecutionContext,
  token: string | null = null,
  more: Partial<AdminApiOptions> = {},
): Promise<{ ask: Ask; sample: Sample; server: Server; origin: string; errors: unknown[] }> {
  const sample = await sampleContext(),
    errors: unknown[] = [];
  const handle = await adminApi({
    context: sample.context,
    token,
    onError: (error) => {
      errors.push(error);
    },
    ...more,
  });
  const server = controlServer({
    handle: (incoming, response, url) => handle(incoming, response, url) ?? response.writeHead(418).end('{}'),
    onError: (error) => errors.push(error),
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await sample.stop();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask: Ask = async (method, path, body, headers = {}) => {
    const answer = await request(`${origin}${path}`, {
      method: method as 'GET',
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: JSON.parse(await answer.body.text()) as unknown,
    };
  };
  return { ask, sample, server, origin, errors };
}
const problem = ({ body }: Answer) => (body as { error: { message: string } }).error.message;

test('the description names every endpoint with its parameters and bodies', async (t) => {
  const { ask } = await api(t);
  const { body, status } = await ask('GET', '/openapi.json');
  t.is(status, 200);
  const { paths, openapi } = body as {
    openapi: string;
    paths: Record<
      string,
      Record<string, { operationId: string; summary: string; parameters: { name: string }[]; requestBody?: object }>
    >;
  };
  t.is(openapi, '3.1.0');
  const operations = Object.values(paths).flatMap((each) => Object.values(each));
  t.is(operations.length, routes.length);
  t.is(new Set(operations.map(({ operationId }) => operationId)).size, routes.length);
  t.true(operations.every(({ summary }) => summary.endsWith('.')));
  t.deepEqual(
    paths['/v1/sessions']!['get']!.parameters.map(({ name }) => name),
    ['server', 'replica', 'digest', 'limit'],
  );
  t.deepEqual(
    paths['/v1/rollouts/{server}']!['get']!.parameters.map(({ name }) => name),
    ['server'],
  );
  t.truthy(paths['/v1/drains']!['post']!.requestBody);
});

test('every GET endpoint answers', async (t) => {
  const { ask, errors } = await api(t);
  const QUERIES: Record<string, string> = {
    '/v1/contract': '?server=linear&from=stable&to=canary',
    '/v1/config/diff': '?from=1',
  };
  for (const { method, path } of routes) {
    if (method !== 'GET') continue;
    const filled = path.replace('{server}', 'linear').replace('{version}', '1').replace('{digest}', 'none');
    const { status } = await ask('GET', filled + (QUERIES[path] ?? ''));
    const isMissing = path === '/v1/rollouts/{server}' || path.endsWith('{digest}');
    // The sample has no live view.
    t.is(status, isMissing ? 404 : path === '/v1/live' ? 503 : 200, filled);
  }
  t.deepEqual(errors, []);
});

test('a drain begins, is listed, and ends; preStop answers when it is done', async (t) => {
  const { ask, sample } = await api(t);
  const target = { kind: 'replica', server: 'linear', replica: 'linear-1' };
  t.is((await ask('POST', '/v1/drains', { target, deadlineMs: 5000 })).status, 201);
  t.like((await ask('GET', '/v1/replicas?server=linear')).body, [{ replica: 'linear-1', state: 'draining' }]);
  const stopped = ask('POST', '/v1/prestop', { server: 'linear', replica: '10.0.0.2:3000', deadlineMs: 60_000 });
  while (sample.context.drains.current().length < 2)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  sample.world.now += 2000;
  t.deepEqual((await stopped).body, { done: true, reason: 'nothing is left' });
  t.is((await ask('POST', '/v1/undrain', { target })).status, 200);
  t.like(await ask('POST', '/v1/undrain', { target }), { status: 404 });
});

test('a rollout is started, held by its contract, approved, aborted and cleared', async (t) => {
  const { ask, sample } = await api(t);
  const started = await ask('POST', '/v1/rollouts', { server: 'linear', from: 'stable', to: 'canary' });
  t.is(started.status, 201);
  t.like(started.body, { weights: { stable: 100, canary: 0 } });
  await (sample.context.rollouts as unknown as { tick(): Promise<void> }).tick();
  t.like((await ask('GET', '/v1/rollouts/linear')).body, { phase: { isHeld: true } });
  t.like((await ask('GET', '/v1/contract?server=linear&from=stable&to=canary')).body, [
    { level: 'breaking', tool: 'add' },
  ]);
  t.is((await ask('POST', '/v1/rollouts', { server: 'linear', from: 'stable', to: 'canary' })).status, 409);
  t.is((await ask('POST', '/v1/rollouts/linear/resume', {})).status, 200);
  t.is((await ask('POST', '/v1/rollouts/linear/clear', {})).status, 409);
  t.is((await ask('POST', '/v1/rollouts/linear/abort', {})).status, 200);
  t.is((await ask('POST', '/v1/rollouts/linear/clear', {})).status, 200);
  t.is((await ask('POST', '/v1/rollouts/linear/pause', {})).status, 404);
});

test('breakers take orders by the replica’s name; configuration goes back to a version', async (t) => {
  const {
    ask,
    sample: { world, context },
  } = await api(t);
  t.is(
    (await ask('POST', '/v1/breakers', { server: 'linear', level: 'replica', key: 'linear-2', command: 'force-open' }))
      .status,
    200,
  );
  t.deepEqual(world.orders, ['linear replica b force-open']);
  world.file = SAMPLE_CONFIG.replace('weight: 100', 'weight: 50');
  await context.versions.accept(world.file);
  t.like((await ask('GET', '/v1/config/diff?from=1&to=2')).body, { from: 1, to: 2 });
  t.is((await ask('POST', '/v1/config/rollback', { version: 1 })).status, 200);
  t.is(world.file, SAMPLE_CONFIG);
  t.is((await ask('POST', '/v1/config/rollback', { version: 1 })).status, 409);
});

test('events are listed and followed', async (t) => {
  const {
    ask,
    origin,
    sample: { context },
  } = await api(t);
  context.events.append({ kind: 'a.b', server: 'linear', message: 'one' });
  t.like((await ask('GET', '/v1/events?kind=a')).body, [{ message: 'one' }]);
  const { body } = await request(`${origin}/v1/events?follow=true&after=0-0`);
  for await (const piece of body) {
    t.like(JSON.parse(String(piece)), { message: 'one' });
    break;
  }
});

test('bad input is refused with what is wrong, and changes nothing', async (t) => {
  const {
    ask,
    sample: { context, world },
  } = await api(t);
  const cases: Array<[string, string, unknown, number, RegExp]> = [
    ['GET', '/v1/nowhere', undefined, 404, /there is no \/v1\/nowhere/],
    ['POST', '/v1/status', {}, 405, /takes GET, not POST/],
    ['GET', '/v1/replicas?serve=linear', undefined, 400, /serve/],
    ['GET', '/v1/replicas?server=liner', undefined, 404, /no server liner; there are files, linear/],
    ['GET', '/v1/sessions?limit=0', undefined, 400, /query\.limit/],
    ['GET', '/v1/sessions?replica=nobody', undefined, 404, /no replica or slot nobody/],
    ['GET', '/v1/events?after=yesterday', undefined, 400, /the id of an event/],
    ['GET', '/v1/config/versions/9', undefined, 404, /no version 9; there are 1–1/],
    ['GET', '/v1/config/versions/x', undefined, 400, /not the number/],
    ['GET', '/v1/servers/%zz', undefined, 400, /percent-encoded/],
    ['GET', `/v1/servers/${'x'.repeat(1100)}`, undefined, 400, /longer than 1024/],
    ['QUERY', '/v1/status', undefined, 405, /QUERY is no method/],
    ['POST', '/v1/drains', '{', 400, /not JSON/],
    ['POST', '/v1/drains', {}, 400, /body\.target/],
    [
      'POST',
      '/v1/drains',
      { target: { kind: 'replica', server: 'linear', replica: 'nobody' } },
      404,
      /it has linear-1, linear-2, linear-3/,
    ],
    ['POST', '/v1/drains', { target: { kind: 'gateway', gateway: 'gateway-9' } }, 404, /there are gateway-1/],
    ['POST', '/v1/rollouts', { server: 'linear', from: 'stable', to: 'green' }, 409, /no backend green/],
    ['POST', '/v1/rollouts', { server: 'linear', from: 'stable', to: 'canary', speed: 1 }, 400, /speed/],
    ['POST', '/v1/rollouts/linear/hurry', {}, 404, /there is no/],
    [
      'POST',
      '/v1/breakers',
      { server: 'linear', level: 'replica', key: 'nobody', command: 'reset' },
      404,
      /no replica nobody/,
    ],
    ['POST', '/v1/breakers', { server: 'linear', level: 'tool', key: 'add', command: 'explode' }, 400, /command/],
    ['POST', '/v1/config/rollback', { version: 0 }, 400, /version/],
    ['POST', '/v1/explain', { server: 'liner' }, 404, /no server liner/],
    ['POST', '/v1/drains', `{"a":"${'x'.repeat(1 << 20)}"}`, 413, /larger than/],
  ];
  for (const [method, path, body, status, description] of cases) {
    const answer = await ask(method, path, body);
    t.is(answer.status, status, `${method} ${path}`);
    t.regex(problem(answer), description);
  }
  t.is((await ask('POST', '/v1/drains', '{}', { 'content-type': 'text/plain' })).status, 415);
  t.deepEqual(
    [
      context.drains.current().length,
      context.rollouts.current().size,
      world.orders.length,
      (await context.events.list()).length,
    ],
    [0, 0, 0, 0],
  );
});

test('with a token, only who shows it gets anything; without one, no web page does', async (t) => {
  const guarded = (await api(t, 'a secret')).ask,
    open = (await api(t)).ask;
  t.is((await guarded('GET', '/v1/status')).status, 401);
  t.is((await guarded('GET', '/openapi.json')).status, 401);
  t.is((await guarded('GET', '/v1/status', undefined, { authorization: 'Bearer wrong' })).status, 401);
  t.is((await guarded('GET', '/v1/status', undefined, { authorization: 'Bearer a secret' })).status, 200);
  t.is((await open('GET', '/v1/status', undefined, { host: 'evil.test' })).status, 403);
  t.is((await open('POST', '/v1/drains', {}, { origin: 'http://127.0.0.1' })).status, 403);
});

test('an unexpected error is logged, and said without what it holds', async (t) => {
  const { ask, sample, errors } = await api(t);
  sample.context.topology = () => {
    throw new Error('secret');
  };
  const answer = await ask('GET', '/v1/status');
  t.is(answer.status, 500);
  t.false(JSON.stringify(answer.body).includes('secret'));
  t.is(errors.length, 1);
  sample.context.topology = () => null;
  t.is((await ask('GET', '/v1/status')).status, 503);
});

test('who follows a stream and does not read loses it, and nothing is left of it', async (t) => {
  let begun = 0,
    ended = 0;
  const stream = async function* () {
    begun++;
    try {
      for (;;) yield { event: 'x', data: 'y'.repeat(1 << 16) };
    } finally {
      ended++;
    }
  };
  const endless = read('/v1/endless', 'Has no end.', noQuery, () => ({ as: 'events', stream }));
  const { origin, errors } = await api(t, null, { routes: [endless], readMs: 200 });
  const { body } = await request(`${origin}/v1/endless`);
  await once(body, 'readable');
  await waitFor(() => ended > 0, { what: 'the stream ends' });
  t.deepEqual([begun, ended], [1, 1]);
  body.on('error', () => undefined).destroy();
  t.deepEqual(errors, []);
});

test('a client that goes in the middle of a body, and a store that is away, are no errors of ours', async (t) => {
  const stream = async function* () {
    yield 1;
    throw new Error('Connection is closed.');
  };
  const lost = read('/v1/lost', 'Loses its store.', noQuery, () => ({ as: 'lines', stream }));
  const { origin, errors, server } = await api(t, null, { routes: [...routes, lost] });
  const socket = connect(Number(new URL(origin).port), '127.0.0.1');
  socket.write(
    'POST /v1/explain HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  );
  const [{ socket: taken }] = (await once(server, 'request')) as [{ socket: typeof socket }];
  socket.destroy();
  await new Promise((resolve) => {
    taken.once('close', resolve);
  });
  await t.throwsAsync(request(`${origin}/v1/lost`).then(({ body }) => body.text()));
  t.deepEqual(errors, []);
});
