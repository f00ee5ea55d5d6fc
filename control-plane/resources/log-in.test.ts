import test from 'ava';
import { gateway } from './testing/test-gateway.ts';

const PUBLIC = 'publicUrl: "https://mcp.example.com"\n';
const SESSION = { 'mcp-session-id': '1~abc', authorization: 'Bearer opaque' };

test('a path of the server’s own reaches the sidecar as it came; nothing else below the server’s path does', async (t) => {
  const { send, relay } = await gateway(t, 'routes: [oauth, "/ui/*"], hosts: [fm.example.com],', {}, PUBLIC);
  for (const [path, host] of [
    ['/mcp/linear/authorize?state=x', 'mcp.example.com'],
    ['/mcp/linear/ui/a/b.js', 'mcp.example.com'],
    ['/token', 'fm.example.com:8443'],
    ['/.well-known/oauth-protected-resource', 'FM.example.com'],
    ['/.well-known/oauth-protected-resource/mcp/linear', 'mcp.example.com'],
    ['/.well-known/oauth-protected-resource/mcp/linear/mcp', 'mcp.example.com'],
    ['/.well-known/oauth-authorization-server/mcp/linear', 'mcp.example.com'],
    ['/mcp/linear/.well-known/openid-configuration', 'mcp.example.com'],
  ] as const) {
    const { status, body } = await send({ host }, { method: 'GET', path });
    t.deepEqual([status, body.at, body.path], [200, 'relay', path], path);
    t.like(body.headers, { 'x-holdfast-way': 'login', 'x-holdfast-server': 'linear' });
  }
  for (const [path, host] of [
    ['/mcp/linear/admin', 'mcp.example.com'],
    ['/mcp/linear/tokens', 'mcp.example.com'],
    ['/mcp/linear/token/x', 'mcp.example.com'],
    ['/mcp/linear', 'fm.example.com'],
    ['/admin', 'fm.example.com'],
    ['/.well-known/other', 'fm.example.com'],
  ] as const)
    t.is((await send({ host }, { method: 'GET', path })).status, 404, `${host}${path}`);
  // The endpoint itself, at each of its places.
  for (const [path, host] of [
    ['/mcp/linear', 'mcp.example.com'],
    ['/mcp/linear/mcp', 'mcp.example.com'],
    ['/mcp', 'fm.example.com'],
    ['/mcp/', 'fm.example.com'],
  ] as const) {
    const { status, body } = await send({ ...SESSION, host }, { path });
    t.deepEqual([status, body.at, body.path], [200, 'relay', '/mcp'], `${host}${path}`);
  }
  t.true(relay.seen.length > 0);
});

test('a replica’s challenge names the document where clients find it; one that names another is left alone', async (t) => {
  const { send, relay } = await gateway(t, 'hosts: [fm.example.com],', {}, PUBLIC);
  const at = async (challenge: string, path = '/mcp/linear', host = 'mcp.example.com') => {
    relay.challenge = challenge;
    return (await send({ ...SESSION, host }, { path })).headers['www-authenticate'];
  };
  const document = 'https://mcp.example.com/.well-known/oauth-protected-resource';
  const scope = 'error="invalid_token", scope="a b"';
  for (const own of [
    'http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp',
    'http://mcp.example.com/.well-known/oauth-protected-resource/mcp/',
    'https://mcp.example.com/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp',
  ])
    for (const [before, after] of [
      ['Bearer ', `, ${scope}`],
      ['Basic realm="x", Bearer realm="a, b", ', ''],
    ] as const)
      t.is(
        await at(`${before}resource_metadata="${own}"${after}`),
        `${before}resource_metadata="${document}/mcp/linear"${after}`,
        own,
      );
  t.is(
    await at(`Bearer resource_metadata=http://x/.well-known/oauth-protected-resource`),
    `Bearer resource_metadata=${document}/mcp/linear`,
  );
  for (const other of [
    'Bearer',
    'Basic realm="a"',
    `Bearer resource_metadata="${document}/mcp/linear"`,
    `Bearer resource_metadata="${document}/mcp/other"`,
    'Bearer resource_metadata="https://docs.example/log-in"',
  ])
    t.is(await at(other), other);
  t.is(
    await at(
      `Bearer resource_metadata="http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp"`,
      '/mcp',
      'fm.example.com',
    ),
    `Bearer resource_metadata="https://fm.example.com/.well-known/oauth-protected-resource/mcp"`,
  );
});
