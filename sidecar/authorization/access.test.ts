import test from 'ava';
import { readRpcBody } from '../../proto/json-rpc.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { requestIds } from '../relay/client/mesh-errors.ts';
import { AccessControl } from './access.ts';

const claimsOf = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
const RULES = [
  { name: 'read', effect: 'allow', tools: ['read_*'], prompts: ['p'], resources: ['file:///public/*'] },
  { name: 'ops', effect: 'allow', claims: { groups: ['ops'] } },
  { name: 'no-drop', effect: 'deny', tools: ['drop'] },
  { name: 'write', effect: 'allow', tools: ['write'], claims: { scope: ['mcp:write'] } },
];

function control(authorization: object = {}) {
  const counted: string[] = [];
  const policy = serverPolicySchema.parse({
    name: 'fm',
    authorization: { rules: RULES, ...authorization },
    places: [{ host: null, path: '/mcp/fm', base: '/mcp/fm', url: 'https://gw.test/mcp/fm' }],
  });
  const access = new AccessControl((server, rule, mode) => counted.push(`${server} ${rule} ${mode}`));
  const post = (body: unknown, claims: object = {}) => {
    const rpc = readRpcBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
    return access.ofPost(policy, claimsOf(claims), rpc, () => requestIds(rpc));
  };
  return { access, policy, counted, post };
}
const call = (name: unknown, id: unknown = 7) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });

test('a refused call gets an error with its id that names the rule, or that none allows it', (t) => {
  const { post, counted } = control();
  t.is(post(call('read_x')).is, 'allowed');
  const denied = post(call('drop', 9), { groups: ['ops'] });
  t.like(denied, { is: 'denied', challenge: null });
  if (denied.is === 'denied')
    t.like(JSON.parse(JSON.stringify(denied.errors[0])), {
      id: 9,
      error: {
        code: -31_008,
        message: 'Not allowed: rule no-drop denies tools/call drop (servers[fm].authorization)',
        data: { outcome: 'not_sent', retrySafe: false, rule: 'no-drop' },
      },
    });
  const none = post(call('write'));
  if (none.is === 'denied')
    t.regex(none.errors[0]?.error.message ?? '', /^Not allowed: no rule allows tools\/call write/);
  t.deepEqual(counted, ['fm no-drop enforce', 'fm default enforce']);
});

test('what the mesh can’t read it does not pass, in whatever way it is written', (t) => {
  const { post } = control({ default: 'allow' });
  for (const body of [
    call('drop'),
    '{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"n\\u0061me":"dr\\u006fp"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_x"},"params":{"name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"drop"}}',
    // Servers that take the first of two names, or names in any case (Go's encoding/json, which takes a long s for an s too).
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop","name":"read_x"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop"},"params":{}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_x","Name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_x"},"Params":{"name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_x"},"param\u017f":{"name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call","params":{"name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///public/a","Uri":"file:///etc"}}',
    '{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call","params":{"name":"drop"}}',
    call('x'.repeat(2000)),
    call(7),
    call(undefined),
    call('drop', null),
    { jsonrpc: '2.0', method: 'tools/call', params: { name: 'drop' } },
    { jsonrpc: '2.0', id: 1, method: 'resources/read', params: {} },
    { jsonrpc: '2.0', id: 1, method: 'm'.repeat(500) },
    [call('read_x', 1), call('drop', 2)],
  ])
    t.is(post(body).is, 'denied', JSON.stringify(body).slice(0, 100));
  for (const body of [
    { jsonrpc: '2.0', id: 1, result: { tools: [] } },
    { jsonrpc: '2.0', method: 'notifications/initialized' },
    { jsonrpc: '2.0', id: 1, method: 'ping' },
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'other' } },
  ])
    t.is(post(body).is, 'allowed', JSON.stringify(body));
  const batch = post([call('read_x', 1), call('drop', 2)]);
  t.is(JSON.stringify(batch.is === 'denied' && batch.errors.map(({ id }) => id)), '[1,2]');
});

test('a dry run counts, and neither refuses nor cuts', (t) => {
  const { post, counted, access, policy } = control({ mode: 'dry-run' });
  t.deepEqual(post(call('drop')), { is: 'allowed', cut: null });
  t.deepEqual(post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }), { is: 'allowed', cut: null });
  t.is(access.ofStream(policy, null), null);
  t.deepEqual(counted, ['fm no-drop dry-run']);
});

test('where a scope is missing and the server asks for it, the client is told to log in again', (t) => {
  const { post } = control({ stepUp: true });
  t.like(post(call('write'), { scope: 'mcp:read' }), {
    is: 'denied',
    challenge:
      'Bearer error="insufficient_scope", scope="mcp:write", resource_metadata="https://gw.test/.well-known/oauth-protected-resource/mcp/fm"',
  });
  t.is(post(call('write'), { scope: 'mcp:read mcp:write' }).is, 'allowed');
  t.like(post(call('drop')), { challenge: null });
});

test('lists are cut to what their reader may use, as JSON, as events in pieces, in a batch, and for nobody else', (t) => {
  const { post } = control();
  const listing = (claims: object) => {
    const access = post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, claims);
    return access.is === 'allowed' ? access.cut : null;
  };
  const answer = {
    jsonrpc: '2.0',
    id: 1,
    result: {
      tools: [{ name: 'read_a', x: 1 }, { name: 'write' }, { name: 'drop' }, {}],
      prompts: [{ name: 'p' }, { name: 'q' }],
      resources: [{ uri: 'file:///public/a' }, { uri: 'file:///b' }],
      resourceTemplates: [{ uriTemplate: 'file:///public/{x}' }, { uriTemplate: 'db://{x}' }],
      nextCursor: 'c',
      cacheScope: 'public',
    },
  };
  const cut = {
    ...answer,
    result: {
      tools: [{ name: 'read_a', x: 1 }],
      prompts: [{ name: 'p' }],
      resources: [{ uri: 'file:///public/a' }],
      resourceTemplates: [{ uriTemplate: 'file:///public/{x}' }],
      nextCursor: 'c',
      cacheScope: 'private',
    },
  };
  const text = JSON.stringify(answer);
  t.deepEqual(JSON.parse(listing({})?.whole(Buffer.from(text)).toString() ?? ''), cut);
  t.deepEqual(
    JSON.parse(
      listing({})
        ?.whole(Buffer.from(`[${text}]`))
        .toString() ?? '',
    ),
    [cut],
  );
  const stream = Buffer.from(`: hello\n\nid: 5\nevent: message\ndata: ${text}\n\ndata: {"a":"ü"}\n\n`);
  for (const size of [1, 7, stream.length]) {
    const of = listing({});
    let out = '';
    for (let at = 0; at < stream.length; at += size) out += of?.next(stream.subarray(at, at + size), true).toString();
    out += of?.last().toString();
    t.is(out, `: hello\n\nid: 5\ndata: ${JSON.stringify(cut)}\n\ndata: {"a":"ü"}\n\n`);
  }
  const inPieces = listing({});
  t.is(inPieces?.next(Buffer.from(text.slice(0, 20)), false).length, 0);
  t.is(inPieces?.next(Buffer.from(text.slice(20)), false).length, 0);
  t.deepEqual(JSON.parse(inPieces?.last().toString() ?? ''), cut);
  // Whoever may use all of it gets the very bytes.
  const allBut = { ...answer, result: { tools: [{ name: 'read_a' }] } };
  t.is(
    listing({ groups: ['ops'] })
      ?.whole(Buffer.from(JSON.stringify(allBut)))
      .toString(),
    JSON.stringify(allBut),
  );
  for (const other of [
    '',
    'no JSON "tools"',
    '{"tools":[]}',
    '{"result":{"tools":7}}',
    '{"result":null,"x":"\\"tools\\""}',
  ])
    t.is(listing({})?.whole(Buffer.from(other)).toString(), other);
});

test('without rules nothing is asked', (t) => {
  const access = new AccessControl(() => t.fail());
  const rpc = readRpcBody(Buffer.from(JSON.stringify(call('drop'))));
  t.deepEqual(
    access.ofPost(serverPolicySchema.parse({ name: 'a' }), null, rpc, () => [7]),
    { is: 'allowed', cut: null },
  );
});
