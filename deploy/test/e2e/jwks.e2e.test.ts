import { createServer, type Server } from 'node:http';
import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { freePort } from '../mesh/free-port.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { TestIssuer } from '../mesh/test-issuer.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { listenOn } from '../mesh/listen-on.ts';

const ISSUER = 'https://id.example',
  AUDIENCE = 'linear';

class Key extends TestIssuer {
  constructor(kid: string) {
    super(kid, { iss: ISSUER, aud: AUDIENCE, sub: 'ada' });
  }
  override token(claims?: object): string {
    return `Bearer ${super.token(claims)}`;
  }
}
const [first, second, stranger] = [new Key('first'), new Key('second'), new Key('stranger')];
let mesh: Mesh,
  port = 0,
  served: Key[] = [first!],
  fetches = 0,
  issuer: Server | null = null;

async function startIssuer(): Promise<void> {
  issuer = createServer((request, response) => {
    fetches++;
    if (request.url !== '/keys') return void response.writeHead(404).end();
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ keys: served.map(({ jwk }) => jwk) }));
  });
  await listenOn(issuer, port);
}
async function stopIssuer(): Promise<void> {
  const server = issuer;
  issuer = null;
  server?.closeAllConnections();
  await new Promise<void>((resolve) => {
    if (server) server.close(() => resolve());
    else resolve();
  });
}

test.before(async (t) => {
  t.timeout(120_000);
  port = await freePort();
  await startIssuer();
  mesh = await startMesh({
    gateways: 1,
    servers: {
      linear: {
        replicas: 2,
        settings: {
          jwt: { issuer: ISSUER, audiences: [AUDIENCE], jwksUrl: `http://127.0.0.1:${port}/keys`, jwksCacheSeconds: 1 },
        },
      },
      queryquill: { replicas: 1 },
    },
  });
});
test.after.always(async () => {
  await mesh?.close();
  await stopIssuer();
});

const status = async (authorization?: string, server = 'linear'): Promise<number> => {
  const answer = await fetch(mesh.url(server), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(authorization !== undefined && { authorization }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    }),
  });
  await answer.text();
  return answer.status;
};
const becomes = (wanted: number, key: Key, what: string) =>
  waitFor(async () => (await status(key.token())) === wanted, { what, timeoutMs: 30_000, everyMs: 100 });
const fetched = async (times: number): Promise<void> => {
  const before = fetches;
  await waitFor(() => Promise.resolve(fetches >= before + times), {
    what: `${times} more fetches of the keys`,
    timeoutMs: 30_000,
  });
};

test.serial(
  'a token of the issuer’s key is let in; none, an unknown key, another issuer or audience, and an old one are not',
  async (t) => {
    t.timeout(60_000);
    await becomes(200, first!, 'the keys are there');
    const client = await connectClient({
      kind: 'v1',
      url: mesh.url('linear'),
      headers: { authorization: first!.token() },
    });
    t.teardown(() => client.close());
    t.is((await client.callTool('echo', { text: 'a' })).data['text'], 'a');
    t.is(await status(), 401);
    t.is(await status(stranger!.token()), 401);
    t.is(await status(first!.token({ iss: 'https://other.example' })), 401);
    t.is(await status(first!.token({ exp: Math.floor(Date.now() / 1000) - 3600 })), 401);
    t.is(await status(first!.token({ aud: 'files' })), 401);
    t.is(await status(`${first!.token().slice(0, -4)}AAAA`), 401);
    t.is(await status(undefined, 'queryquill'), 200, 'a server that asks for none');
  },
);

test.serial(
  'rotated keys are taken up without a restart: the new one while the old one holds, the old one no longer when it is gone',
  async (t) => {
    t.timeout(90_000);
    const client = await connectClient({
      kind: 'v1',
      url: mesh.url('linear'),
      headers: { authorization: first!.token() },
    });
    t.teardown(() => client.close());
    t.is(await status(second!.token()), 401);
    served = [first!, second!];
    await becomes(200, second!, 'the new key');
    t.is(await status(first!.token()), 200);
    t.is((await client.callTool('echo', { text: 'a' })).data['text'], 'a');
    served = [second!];
    await becomes(401, first!, 'the old key gone');
    t.is(await status(second!.token()), 200);
    await t.throwsAsync(
      client.callTool('echo', { text: 'a' }),
      undefined,
      'the session goes on only with a token of a key that holds',
    );
  },
);

test.serial(
  'with the issuer down known keys go on, unknown ones stay out; a gateway that starts then lets nobody in until the keys are back',
  async (t) => {
    t.timeout(120_000);
    await fetched(1);
    await stopIssuer();
    // Several times as long as fetched keys are said to be kept.
    const until = Date.now() + 4000;
    await waitFor(
      async () => {
        t.is(await status(second!.token()), 200);
        return Date.now() > until;
      },
      { what: 'four lifetimes of the cache', timeoutMs: 30_000, everyMs: 200 },
    );
    t.is(await status(stranger!.token()), 401);
    await mesh.gateways[0]!.envoy.process.restart();
    await waitFor(async () => (await status(undefined, 'queryquill')) === 200, {
      what: 'the gateway serves again',
      timeoutMs: 30_000,
      everyMs: 100,
    });
    const without = await status(second!.token());
    t.true(without === 401 || without === 503, `refused: ${without}`);
    await startIssuer();
    await becomes(200, second!, 'the keys are back');
    t.is(await status(stranger!.token()), 401);
  },
);
