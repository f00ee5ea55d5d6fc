import test from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { call, ended, eventsOf, kinds, list, setup } from '../testing/call-rig.ts';
import { event, json, sse } from '../testing/fake-replica.ts';

test('an SSE answer that ends without the result: a read is carried out again on the same stream', async (t) => {
  const { home, post, rig } = await setup(t);
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/list') return false;
    sse(response, event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'first' } }));
    home.answer = () => false;
    response.end();
    return true;
  };
  const answer = await post(list('r'));
  t.is(answer.headers.get('content-type'), 'text/event-stream');
  t.deepEqual(
    eventsOf(await answer.text()).map(({ method, id }) => method ?? id),
    ['notifications/message', 'r'],
  );
  t.is(await rig.metric('mcp_session_recoveries_total'), 0, 'the session was alive all the time');
  await ended(rig);
  t.deepEqual(kinds(rig), ['success']);
});

test('an SSE answer that breaks in an unsafe call ends with an error event for its id, never in the middle of an event', async (t) => {
  const { home, post, rig } = await setup(t);
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    sse(
      response,
      `${event({ jsonrpc: '2.0', method: 'notifications/message', params: {} })}event: message\ndata: {"jsonrpc":"2.0","id":"u","res`,
    );
    setImmediate(() => response.destroy());
    return true;
  };
  const events = eventsOf(await (await post(call('write', 'u'))).text());
  t.is(events.length, 2);
  t.like(events[1], {
    id: 'u',
    error: { code: -31001, data: { outcome: 'partial_response', retrySafe: false, attempts: 1, server: 'linear' } },
  });
  await ended(rig);
  t.deepEqual(kinds(rig), ['replica_fault']);
});

test('a JSON answer that breaks in the middle is as if it had not begun: a read is sent again', async (t) => {
  const { home, post } = await setup(t);
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/list') return false;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"jsonrpc":');
    home.answer = () => false;
    setTimeout(() => response.destroy(), 10);
    return true;
  };
  t.like(await (await post(list())).json(), { id: 1, error: undefined });
});

test('a JSON answer that breaks in an unsafe call is a typed error with status 200, as JSON or as what is accepted', async (t) => {
  const { home, post, other } = await setup(t);
  home.answer = ({ message, response }) => {
    if (message.method === 'tools/call') {
      response.destroy();
      return true;
    }
    return false;
  };
  const answer = await post(call('write', 7));
  t.is(answer.status, 200);
  const expected = { id: 7, error: { code: -31001, data: { outcome: 'sent_no_response', retrySafe: false } } };
  t.like(await answer.json(), expected);
  const streamed = await (await post(call('write', 7), { accept: 'text/event-stream' })).text();
  t.like(eventsOf(streamed)[0], expected);
  t.false(other.seen.some(({ message }) => message.method === 'tools/call'));
});

test('an error page under status 200 is called what it is: repeated where that is safe, an error about the answer where not', async (t) => {
  const { home, post, rig } = await setup(t);
  let pages = 0;
  const page: typeof home.answer = ({ message, response }) => {
    if (message.method === 'ping') return false;
    pages++;
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Service under maintenance</html>');
    return true;
  };
  home.answer = page;
  t.like(await (await post(call('write', 'w'))).json(), {
    id: 'w',
    error: { code: -31012, data: { outcome: 'sent_no_response', retrySafe: false, attempts: 1 } },
  });
  t.is(pages, 1);
  home.answer = (seen) => {
    home.answer = () => false;
    return page(seen);
  };
  t.like(await (await post(list('l'))).json(), { id: 'l', error: undefined });
  await ended(rig);
  t.deepEqual(kinds(rig), ['replica_fault', 'success']);
});

test('each request of a batch gets its own error, and a batch is not sent again after part of it was answered', async (t) => {
  const { home, post } = await setup(t);
  home.answer = ({ body, response }) => {
    if (!body.startsWith('[')) return false;
    sse(response, event({ jsonrpc: '2.0', id: 1, result: {} }));
    setImmediate(() => response.destroy());
    return true;
  };
  const events = eventsOf(
    await (await post([list(1), list('two'), { jsonrpc: '2.0', method: 'notifications/x' }, list(3)])).text(),
  );
  t.deepEqual(
    events.map(({ id, error }) => [id, error?.code]),
    [
      [1, undefined],
      ['two', -31001],
      [3, -31001],
    ],
  );
});

test('a deadline counts from the last progress, and its error leaves a live replica’s session where it is', async (t) => {
  const { home, post, rig } = await setup(t, { timeouts: { toolMs: { slow: 4000 } } });
  let progress = 0;
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    sse(response, '');
    const timer = setInterval(() => {
      if (progress++ < 12)
        response.write(
          event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress } }),
        );
      else clearInterval(timer);
    }, 500);
    return true;
  };
  const events = eventsOf(await (await post(call('slow', 'd'))).text());
  t.is(events.length, 13, 'progress for longer than the deadline, each in time, then the deadline');
  t.like(events[12], { id: 'd', error: { code: -31004, data: { outcome: 'partial_response' } } });
  await waitFor(
    () =>
      home.seen.some(
        ({ message }) => message.method === 'notifications/cancelled' && message.params?.requestId === 'd',
      ),
    { what: 'the replica is told' },
  );
  t.is(await rig.metric('mcp_session_recoveries_total'), 0);
});

test('a replica that hangs altogether: deadline error, a report, and the session moves', async (t) => {
  const { home, post, rig, other } = await setup(t, { timeouts: { toolMs: { hangs: 300 }, connectMs: 500 } });
  home.answer = ({ message }) => message.method !== 'initialize';
  t.like(await (await post(call('hangs', 'h'))).json(), { id: 'h', error: { code: -31004 } });
  await waitFor(() => rig.reports.some(({ kind }) => kind === 'hanging') && other.sessions.size > 0, {
    what: 'report and move',
  });
  t.like(await (await post(list('next'))).json(), { id: 'next', error: undefined });
});

test('a client that goes away takes its call with it at once', async (t) => {
  const { home, post, rig } = await setup(t);
  let isClosed = false;
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    response.on('close', () => {
      isClosed = true;
    });
    return true;
  };
  const gone = new AbortController(),
    answer = post(call('write'), {}, gone.signal);
  await waitFor(() => home.seen.some(({ message }) => message.method === 'tools/call'), { what: 'the call is there' });
  gone.abort();
  await t.throwsAsync(answer);
  await waitFor(() => isClosed, { what: 'the replica sees it' });
  await waitFor(() => kinds(rig).includes('cancelled'), { what: 'the outcome' });
});

test('the media type of events is read in any case, and a byte order mark before JSON is left out', async (t) => {
  const { home, post, rig } = await setup(t);
  const result = { jsonrpc: '2.0', id: 1, result: { ok: true } };
  for (const [type, body] of [
    ['Text/Event-Stream; charset=UTF-8', event(result)],
    ['application/json', `\ufeff${JSON.stringify(result)}`],
  ] as const) {
    home.answer = ({ message, response }) => {
      if (message.method !== 'tools/call') return false;
      response.writeHead(200, { 'content-type': type }).end(body);
      return true;
    };
    const text = await (await post(call('write'))).text();
    t.deepEqual(JSON.parse(/\{.*\}/.exec(text)?.[0] ?? ''), result, type);
  }
  await waitFor(() => kinds(rig).length === 2, { what: 'both outcomes' });
  t.deepEqual(kinds(rig), ['success', 'success']);
});

test('a session whose id could not come back does not begin, and its client hears why', async (t) => {
  const { replicas, rig } = await setup(t);
  const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'odd', version: '1' } };
  for (const replica of replicas)
    replica.answer = ({ message, response }) => {
      if (message.method !== 'initialize') return false;
      json(response, { jsonrpc: '2.0', id: message.id, result }, 200, { 'mcp-session-id': 'two words' });
      return true;
    };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  const answer = await rig.post(JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'initialize', params }));
  t.is(answer.status, 502);
  t.is(answer.headers.get('mcp-session-id'), null);
  t.like(await answer.json(), { id: 9, error: { code: -31012, data: { outcome: 'sent_no_response' } } });
});
