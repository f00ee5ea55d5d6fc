import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { homeOf } from './home-of.ts';

let mesh: Mesh;
test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({
    servers: { linear: { replicas: 2 }, queryquill: { replicas: 2, settings: { guard: 'off' } } },
  });
});
test.after.always(() => mesh?.close());

/** A token in the shape of a JWT; nobody here checks its signature. */
const token = (subject: string, extra: object = {}): string =>
  `Bearer ${[{ alg: 'none' }, { iss: 'https://issuer.example', sub: subject, ...extra }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.c2lnbmF0dXJl`;

const ping = (server: string, gateway: number, session: string, authorization?: string): Promise<Response> =>
  fetch(mesh.url(server, gateway), {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'ping' }),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      'mcp-session-id': session,
      ...(authorization === undefined ? {} : { authorization }),
    },
  });

for (const server of ['linear', 'queryquill']) {
  test(`${server}: a session opened with a JWT answers its principal alone, on every gateway; to all others it is unknown`, async (t) => {
    const client = await connectClient({ kind: 'v1', url: mesh.url(server), headers: { authorization: token('ada') } });
    t.teardown(() => client.close());
    const session = client.sessionId!;
    t.regex(session, /^[0-9a-z]+p~/);
    for (const gateway of [0, 1]) {
      // A refreshed token of the same subject is still the same principal.
      t.is((await ping(server, gateway, session, token('ada', { exp: 2_000_000_000 + gateway }))).status, 200);
      for (const [who, authorization] of [
        ['another user', token('eve')],
        ['nobody', undefined],
        ['an opaque token', 'Bearer opaque'],
      ] as const) {
        const refused = await ping(server, gateway, session, authorization);
        t.is(refused.status, 404, `${who} on gateway ${gateway}`);
        t.like(await refused.json(), { error: { code: -32001, message: 'Session not found' } });
      }
      t.is(
        (await ping(server, gateway, session.replace('p~', '~'), token('eve'))).status,
        404,
        'the bound mark cut off',
      );
      t.is(
        (await ping(server, gateway, session.replace('p~', '~'))).status,
        404,
        'the bound mark cut off, without a token',
      );
    }
    t.is((await ping(server, 0, session, token('ada'))).status, 200);
  });

  test(`${server}: a session opened with an opaque token goes on when the token is refreshed`, async (t) => {
    const client = await connectClient({
      kind: 'v1',
      url: mesh.url(server),
      headers: { authorization: 'Bearer first' },
    });
    t.teardown(() => client.close());
    t.is((await ping(server, 1, client.sessionId!, 'Bearer second')).status, 200);
  });
}

// By itself: it kills a replica that others have their sessions on.
test.serial(
  'a bound session is rebuilt on another replica with the token of the request that found it lost',
  async (t) => {
    const client = await connectClient({
      kind: 'v1',
      url: mesh.url('linear'),
      headers: { authorization: token('grace') },
    });
    t.teardown(() => client.close());
    const victim = await homeOf(mesh, client);
    await victim.process.kill();
    t.not(await homeOf(mesh, client), victim);
    t.is((await ping('linear', 1, client.sessionId!, token('eve'))).status, 404);
    await victim.process.start();
    await mesh.settled();
  },
);
