import test from 'ava';
import { OAuthClient } from '../clients/oauth-client.ts';
import { freePort } from '../mesh/free-port.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';

const program = 'deploy/test/servers/oauth/main.ts';
let mesh: Mesh, port: number;

test.before(async (t) => {
  t.timeout(180_000);
  port = await freePort();
  const settings = { routes: ['oauth'], trustAnnotations: true };
  mesh = await startMesh({
    gateways: 1,
    port,
    servers: {
      // One knows where clients find it, one takes its own address for that.
      known: { replicas: 2, program, settings, args: ['--public', `http://127.0.0.1:${port}/mcp/known`] },
      unknown: { replicas: 2, program, settings },
    },
  });
});
test.after.always(() => mesh?.close());

for (const server of ['known', 'unknown'] as const)
  test(`${server}: an official client registers, logs in with PKCE, refreshes, steps up, and goes on after a kill`, async (t) => {
    const client = new OAuthClient(mesh.url(server));
    t.teardown(() => client.close());
    await client.connect();
    const [login] = client.user.visited;
    t.is(`${login?.origin}${login?.pathname}`, `http://127.0.0.1:${port}/mcp/${server}/authorize`);
    t.is(login?.searchParams.get('resource'), mesh.url(server));
    t.is(login?.searchParams.get('code_challenge_method'), 'S256');
    const session = client.sessionId,
      before = await client.call('whoami');

    client.expire();
    t.is(await client.call('whoami'), before, 'refreshed');
    t.is(client.user.visited.length, 1);

    client.forgetRefreshToken();
    t.is(await client.call('write'), before, 'with a further scope');
    t.regex(client.user.visited[1]?.searchParams.get('scope') ?? '', /mcp:write/);

    await mesh.replicas.find(({ name }) => name === before)?.process.kill();
    t.not(await client.call('whoami'), before);
    t.is(client.sessionId, session);
  });
