import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { TestIssuer } from '../../deploy/test/mesh/test-issuer.ts';
import { RPC_ERROR } from '../../proto/rpc-error.ts';
import { gateway } from './testing/test-gateway.ts';

const RESOURCE = 'http://127.0.0.1:37373/mcp/linear',
  METADATA = 'http://127.0.0.1:37373/.well-known/oauth-protected-resource/mcp/linear';
const issuer = new TestIssuer('k', { iss: 'https://id.example', aud: RESOURCE, sub: 'ann' });

async function start(t: ExecutionContext, settings = '') {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-jwt-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const jwksFile = join(folder, 'jwks.json');
  await writeFile(jwksFile, issuer.jwks);
  return gateway(
    t,
    `jwt: {issuer: "https://id.example", scopes: [tools, "mcp:read"], jwksFile: "${jwksFile}"}, ${settings}`,
  );
}
const claimsOf = (header: unknown): unknown => JSON.parse(Buffer.from(String(header), 'base64url').toString());

for (const settings of ['', 'guard: off,', 'guard: calls,'])
  test(`a server with a JWT, ${settings || 'guarded,'}: what Envoy verified is all that goes on, whatever the scheme’s case`, async (t) => {
    const { send } = await start(t, settings);
    const session = { 'mcp-session-id': '1~abc' };
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR'])
      for (const method of ['POST', 'GET', 'DELETE']) {
        if (method === 'POST' && settings === 'guard: off,') continue; // Asked about at a sidecar, which is not there.
        const { status, body } = await send(
          { ...session, authorization: `${scheme}  ${issuer.token()}`, 'x-holdfast-claims': 'e30' },
          { method },
        );
        t.deepEqual([status, body.at], [200, 'relay'], `${scheme} ${method}`);
        t.regex(body.headers['authorization'] ?? '', /^Bearer [^ ]+$/);
        t.like(claimsOf(body.headers['x-holdfast-claims']), { sub: 'ann', iss: 'https://id.example' });
      }
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer nonsense',
      `bearer ${issuer.forged()}`,
      issuer.token(),
      `Basic ${issuer.token()}`,
      `Basic YTpi, Bearer ${issuer.token()}`,
      `Bearer ${issuer.forged()}, Bearer ${issuer.token()}`,
      `Bearer ${issuer.token()},Bearer ${issuer.forged()}`,
      `Bearer ${issuer.token()} ${issuer.forged()}`,
      `Bearer ${issuer.token()}\u00ff`,
      [`Bearer ${issuer.token()}`, `Bearer ${issuer.forged()}`],
      [`bearer ${issuer.forged()}`, `Bearer ${issuer.token()}`],
      `Bearer ${issuer.token({ iss: 'https://evil.example' })}`,
      `Bearer ${issuer.token({ exp: 1 })}`,
      `Bearer ${issuer.token({ aud: 'https://other.example' })}`,
      `Bearer ${issuer.token({ aud: undefined })}`,
    ]) {
      const { status, headers, body } = await send({
        ...session,
        ...(authorization !== undefined && { authorization }),
      });
      t.is(status, 401, String(authorization));
      t.is(body.error?.code, RPC_ERROR.forbidden);
      t.is(
        headers['www-authenticate'],
        `Bearer resource_metadata="${METADATA}", scope="tools mcp:read"${authorization === undefined ? '' : ', error="invalid_token"'}`,
      );
    }
  });

test('a token in the query is neither taken nor passed on, however it is written; other queries are', async (t) => {
  const { send } = await start(t),
    session = { 'mcp-session-id': '1~a' };
  const token = issuer.token(),
    authorization = `bearer ${issuer.forged({ sub: 'eve' })}`;
  t.is((await send({ ...session, authorization }, { path: `/mcp/linear?acces_token=${token}` })).status, 401);
  for (const name of ['access_token', 'access%5Ftoken', 'access%5ftoken', '%61ccess_token', 'a%63c%65ss_toke%6E'])
    for (const query of [`${name}=${token}`, `a=b&${name}=${token}`, `${name}=${token}&a=b`, name])
      for (const path of ['/mcp/linear', '/mcp'])
        t.is(
          (await send({ ...session, authorization: `Bearer ${token}` }, { path: `${path}?${query}` })).status,
          400,
          `${path}?${query}`,
        );
  for (const query of ['access_tokens=1', 'xaccess_token=1', 'a=access_token'])
    t.is(
      (await send({ authorization: `Bearer ${token}`, 'mcp-session-id': '1~a' }, { path: `/mcp/linear?${query}` }))
        .status,
      200,
    );
});

test('the mesh says where to log in: the document of RFC 9728 for each way to the server, and preflights pass', async (t) => {
  const { send } = await start(t, 'allowedOrigins: ["https://app.example"],');
  const document = {
    authorization_servers: ['https://id.example'],
    bearer_methods_supported: ['header'],
    scopes_supported: ['tools', 'mcp:read'],
  };
  for (const [path, resource] of [
    ['/mcp/linear', RESOURCE],
    ['/mcp', 'http://127.0.0.1:37373/mcp'],
    ['', 'http://127.0.0.1:37373/mcp'],
  ] as const) {
    const at = `/.well-known/oauth-protected-resource${path}`;
    for (const method of ['GET', 'OPTIONS']) {
      const { status, headers, body } = await send({ origin: 'https://app.example' }, { method, path: at });
      t.deepEqual([status, body], [200, { resource, ...document } as never], `${method} ${at}`);
      t.like(headers, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
    }
  }
  const short = await send({}, { method: 'GET', path: '/mcp' });
  t.regex(String(short.headers['www-authenticate']), /resource_metadata="[^"]+\/oauth-protected-resource\/mcp"/);
  const preflight = await send(
    { origin: 'https://app.example', 'access-control-request-method': 'POST', 'mcp-session-id': '1~a' },
    { method: 'OPTIONS' },
  );
  t.not(preflight.status, 401);
});

test('a replica gets claims as headers instead of the token, and nothing that the client said of itself', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-jwt-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const jwksFile = join(folder, 'jwks.json');
  await writeFile(jwksFile, issuer.jwks);
  const { send } = await gateway(
    t,
    `jwt: {issuer: "https://id.example", jwksFile: "${jwksFile}", forwardToken: false, claimHeaders: {x-user: sub, x-team: realm.team}},`,
  );
  const forged = { 'x-user': 'root', 'x-team': 'root' };
  for (const [claims, user, team] of [
    [{}, 'ann', undefined],
    [{ sub: 'ben', realm: { team: 'red' } }, 'ben', 'red'],
  ] as const) {
    const authorization = `Bearer ${issuer.token(claims)}`;
    const { status, body } = await send({ ...forged, 'mcp-session-id': '1~abc', authorization });
    t.is(status, 200);
    t.is(body.headers['authorization'], undefined);
    t.is(body.headers['x-user'], user);
    t.is(body.headers['x-team'], team);
    t.truthy(body.headers['x-holdfast-claims']);
  }
});

test('what Envoy refuses by itself is no question for a sidecar: a wrong token gets its 401 also while none answers', async (t) => {
  const { send, envoy } = await start(t);
  const { status, body } = await send({ authorization: `Bearer ${issuer.forged()}` });
  t.deepEqual([status, body.error?.code], [401, RPC_ERROR.forbidden]);
  t.is((await envoy.stats('ext_proc.streams_started'))['http.mcp.ext_proc.streams_started'], 0);
});
