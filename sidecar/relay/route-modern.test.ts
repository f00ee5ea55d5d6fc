import test from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { json } from './testing/fake-replica.ts';
import { callsAt, modernPost, modernRig, type Said } from './testing/modern-rig.ts';

const ROUNDS = 12;

for (const isShared of [true, false]) {
  const where = isShared ? '' : ', also when gateways share nothing';
  test(`a task is found by every gateway${where}`, async (t) => {
    const { call, post, gateways } = await modernRig(t, {}, { isShared });
    for (let i = 0; i < ROUNDS; i++) {
      const { result } = await call('create'),
        gateway = gateways[i % 2]!;
      for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel'])
        t.is((await post(method, { taskId: result!.taskId }, {}, gateway)).result?.taskId, result!.taskId);
    }
  });

  test(`a requestState comes back to the replica that signed it${where}`, async (t) => {
    const { call, gateways } = await modernRig(t, {}, { isShared });
    for (let i = 0; i < ROUNDS; i++) {
      const { result } = await call('ask');
      t.is((await call('x', {}, { requestState: result!.requestState }, gateways[i % 2]!)).result?.content, 'state ok');
    }
  });
}

test('what a replica gave before the mesh noticed its restart is found under its new slot', async (t) => {
  const { call, post, fleet, gateways } = await modernRig(t);
  const made = await Promise.all(
    Array.from({ length: ROUNDS }, async () => ({
      taskId: (await call('create')).result!.taskId,
      state: (await call('ask')).result!.requestState,
    })),
  );
  for (const replica of fleet.replicas) replica.slot = `new${replica.slot}`;
  for (const [index, { taskId, state }] of made.entries()) {
    const gateway = gateways[index % 2]!;
    t.is((await post('tasks/get', { taskId }, {}, gateway)).result?.taskId, taskId);
    t.is((await call('x', {}, { requestState: state }, gateway)).result?.content, 'state ok');
  }
});

test('a requestState that came on a stream is known before the client has it', async (t) => {
  const { gateways, call } = await modernRig(t);
  for (let i = 0; i < ROUNDS; i++) {
    const { headers, body } = modernPost('tools/call', { name: 'ask-on-stream' }),
      answer = await fetch(gateways[0]!.url, {
        method: 'POST',
        headers: { ...gateways[0]!.headers, ...headers },
        body,
      });
    const state = /"requestState":"([^"]+)"/.exec(await answer.text())![1]!;
    t.is((await call('x', {}, { requestState: state }, gateways[1]!)).result?.content, 'state ok');
  }
});

test('a refusal may come on a stream: the next replica is asked before the client hears anything', async (t) => {
  const { call, gateways } = await modernRig(t, {}, { isShared: false });
  for (let i = 0; i < ROUNDS; i++) {
    const { result } = await call('ask');
    t.is(
      (await call('on-stream', {}, { requestState: result!.requestState }, gateways[1]!)).result?.content,
      'state ok',
    );
  }
});

test('what is known to be held somewhere is sent nowhere else', async (t) => {
  const { call, post, replicas, gateways } = await modernRig(t),
    { result } = await call('create');
  const holder = replicas.find((replica) => callsAt(replica, 'tools/call').length > 0)!;
  for (let i = 0; i < ROUNDS; i++) await post('tasks/get', { taskId: result!.taskId }, {}, gateways[i % 2]!);
  t.is(callsAt(holder, 'tasks/get').length, ROUNDS);
});

test('a task that nobody holds is refused with -32602, in a replica’s own words', async (t) => {
  const { post, replicas } = await modernRig(t),
    { status, error } = await post('tasks/get', { taskId: 'nobody' });
  t.like({ status, error }, { status: 200, error: { code: -32602, message: 'Unknown task' } });
  t.deepEqual(
    replicas.map((replica) => callsAt(replica, 'tasks/get').length),
    [1, 1],
  );
});

test('when the holder has died, another replica refuses a task or a requestState as the protocol says', async (t) => {
  const { call, post, replicas } = await modernRig(t),
    task = await call('create');
  const holder = replicas.find((replica) => callsAt(replica, 'tools/call').length > 0)!,
    other = replicas.find((replica) => replica !== holder)!;
  let state = (await call('ask')).result!.requestState;
  while (callsAt(other, 'tools/call').some(({ message }) => message.params?.name === 'ask')) {
    other.seen.length = 0;
    state = (await call('ask')).result!.requestState;
  }
  await holder.kill();
  t.like((await post('tasks/get', { taskId: task.result!.taskId })).error, { code: -32602, message: 'Unknown task' });
  t.like((await call('x', {}, { requestState: state })).error, {
    code: -32602,
    message: 'Invalid or expired requestState',
  });
});

test('a holder whose connection breaks while it works is asked again for a read, and not for a call', async (t) => {
  const { call, post, replicas } = await modernRig(t),
    { result } = await call('create');
  let seen = 0;
  for (const replica of replicas) {
    replica.answer = ({ message, incoming, response }) => {
      if (seen++ === 0) incoming.socket.destroy();
      else json(response, { jsonrpc: '2.0', id: message.id, result: { by: 'holder' } });
      return true;
    };
  }
  t.is((await post('tasks/get', { taskId: result!.taskId })).result?.by, 'holder');
  t.is(Math.max(...replicas.map((replica) => callsAt(replica, 'tasks/get').length)), 2);
  seen = 0;
  const { status, error } = await post('tasks/update', { taskId: result!.taskId });
  t.deepEqual([status, error!.code], [503, -31001]);
});

test('a call whose replica dies is carried out by another one when its tool says that it only reads', async (t) => {
  const { call, replicas } = await modernRig(t, { trustAnnotations: true });
  const reader = { name: 'look', annotations: { readOnlyHint: true } };
  let calls = 0;
  for (const replica of replicas)
    replica.answer = ({ message, incoming, response, headers }) => {
      const isWhole = headers['mcp-method'] === message.method && message.params?.['_meta'] !== undefined;
      if (message.method === 'tools/list' && isWhole)
        json(response, { jsonrpc: '2.0', id: message.id, result: { tools: [reader, { name: 'write' }] } });
      else if (message.method === 'tools/call' && calls++ > 0)
        json(response, { jsonrpc: '2.0', id: message.id, result: { by: 'the other' } });
      else incoming.socket.destroy();
      return true;
    };
  t.is((await call('look')).result?.by, 'the other');
  calls = 0;
  t.like(await call('write'), { status: 503, error: { code: -31001 } });
  t.is(calls, 1);
});

test('`_meta` makes no request modern: tools of an older server without sessions are looked up in its own way', async (t) => {
  const { gateways, replicas } = await modernRig(t, { trustAnnotations: true });
  let calls = 0;
  for (const replica of replicas)
    replica.answer = ({ message, incoming, response }) => {
      const reader = { name: 'look', annotations: { readOnlyHint: true } };
      if (message.method === 'tools/list')
        json(response, { jsonrpc: '2.0', id: message.id, result: { tools: [reader] } });
      else if (calls++ > 0) json(response, { jsonrpc: '2.0', id: message.id, result: { by: 'the other' } });
      else incoming.socket.destroy();
      return true;
    };
  const params = { name: 'look', arguments: {}, _meta: { progressToken: 'mine' } };
  const answer = await gateways[0]!.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }));
  t.is(((await answer.json()) as Said).result?.['by'], 'the other');
  const [list] = replicas.flatMap((replica) => callsAt(replica, 'tools/list'));
  t.is(list?.message.params?.['_meta'], undefined);
  t.is(list?.headers['mcp-method'], undefined);
});

test('a declared handle in an argument, or in a header, leads to the replica that gave it', async (t) => {
  const { call, post, gateways } = await modernRig(t, {
    affinity: {
      handles: [{ argument: 'handle', header: 'Mcp-Param-Handle', resultPath: '/structuredContent/the~1handle' }],
    },
  });
  for (let i = 0; i < ROUNDS; i++) {
    const handle = ((await call('open')).result!.structuredContent as Record<string, string>)['the/handle']!;
    t.is(
      (
        await post(
          'tools/call',
          { name: 'use', arguments: { handle } },
          { 'mcp-param-handle': handle },
          gateways[i % 2]!,
        )
      ).result?.content,
      'handle ok',
    );
  }
});

test('a handle that is declared by header alone is read through its base64 sentinel', async (t) => {
  const { call, post, gateways } = await modernRig(t, {
    affinity: { handles: [{ header: 'Mcp-Param-Handle', resultPath: '/structuredContent/the~1handle' }] },
  });
  for (let i = 0; i < ROUNDS; i++) {
    const handle = ((await call('open')).result!.structuredContent as Record<string, string>)['the/handle']!;
    t.is(
      (
        await post(
          'tools/call',
          { name: 'use', arguments: { handle } },
          { 'mcp-param-handle': `=?base64?${Buffer.from(handle).toString('base64')}?=` },
          gateways[i % 2]!,
        )
      ).result?.content,
      'handle ok',
    );
  }
});

test('headers and body that disagree reach the replica as they came; the body decides where', async (t) => {
  const { call, post, replicas, gateways } = await modernRig(t),
    { result } = await call('create');
  const holder = replicas.find((replica) => callsAt(replica, 'tools/call').length > 0)!;
  for (let i = 0; i < ROUNDS; i++)
    await post(
      'tasks/get',
      { taskId: result!.taskId },
      { 'mcp-method': 'tools/list', 'mcp-name': 'another' },
      gateways[i % 2]!,
    );
  t.is(callsAt(holder, 'tasks/get').length, ROUNDS);
  t.like(callsAt(holder, 'tasks/get')[0]!.headers, { 'mcp-method': 'tools/list', 'mcp-name': 'another' });
});

test('a client that goes away has cancelled its call', async (t) => {
  const { gateways, replicas } = await modernRig(t);
  let isCancelled = false;
  for (const replica of replicas)
    replica.answer = ({ incoming }) => {
      incoming.socket.once('close', () => {
        isCancelled = true;
      });
      return true;
    };
  const { headers, body } = modernPost('tools/call', { name: 'slow' }),
    leaving = new AbortController();
  const call = fetch(gateways[0]!.url, {
    method: 'POST',
    headers: { ...gateways[0]!.headers, ...headers },
    body,
    signal: leaving.signal,
  });
  await waitFor(() => replicas.some(({ seen }) => seen.length > 0), { what: 'the call is at a replica' });
  leaving.abort();
  await t.throwsAsync(call);
  await waitFor(() => isCancelled, { what: 'the replica sees its connection closed' });
  await waitFor(() => gateways[0]!.outcomes.at(-1)?.kind === 'cancelled', { what: 'the call counts as cancelled' });
  t.pass();
});
