import test from 'ava';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { McpClient } from '../clients/mcp-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';

let mesh: Mesh;
const SERVERS = ['guarded', 'plain'] as const;
const SESSIONS = 6;
const CALLS = 40;

test.before(async (t) => {
  t.timeout(120_000);
  const program = 'deploy/test/servers/linear/main.ts';
  mesh = await startMesh({
    gateways: 2,
    servers: { guarded: { replicas: 3, program }, plain: { replicas: 3, program, settings: { guard: [] } } },
  });
});
test.after.always(() => mesh?.close());

/** Sessions that know which replica they live on. */
async function sessions(
  server: string,
  fetch?: ReturnType<typeof alternatingFetch>,
  gateway = 0,
): Promise<{ client: McpClient; replica: unknown }[]> {
  return Promise.all(
    Array.from({ length: SESSIONS }, async () => {
      const client = await connectClient({ kind: 'v1', url: mesh.url(server, gateway), ...(fetch ? { fetch } : {}) });
      await client.callTool('cart_add', { id: 'ENG-1' });
      return { client, replica: (await client.callTool('whoami')).data.replica };
    }),
  );
}

async function extProcStreams(): Promise<number> {
  const counts = await Promise.all(
    mesh.gateways.map(async ({ envoy }) => {
      const text = await (await fetch(`${envoy.adminUrl}/stats?filter=ext_proc.*streams_started`)).text();
      return [...text.matchAll(/: (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

test.serial('steady requests cause no ext_proc message', async (t) => {
  const before = await extProcStreams();
  const live = await sessions('plain', alternatingFetch(mesh.gateways.map(({ url }) => url)));
  const settled = await extProcStreams();
  t.true(settled > before, 'initialize is decided on: the counter counts');
  for (const { client } of live) for (let i = 0; i < CALLS; i += 1) await client.callTool('cart');
  t.is(await extProcStreams(), settled);
  await Promise.all(live.map(({ client }) => client.terminate()));
});

for (const server of SERVERS) {
  test.serial(
    `${server}: sessions go on while both gateways and the control plane are restarted one after the other`,
    async (t) => {
      t.timeout(120_000);
      const live = await sessions(server);
      for (const [index, gateway] of mesh.gateways.entries()) {
        await gateway.kill();
        // Clients of a killed gateway come back on another one.
        const other = mesh.gateways[1 - index]!;
        await goOn(live, other.url);
        await gateway.start();
        await mesh.settled();
        await goOn(live, gateway.url);
      }
      await mesh.controlPlane.process.kill();
      for (const { url } of mesh.gateways) await goOn(live, url);
      await mesh.controlPlane.process.start();
      await mesh.settled();
      for (const { url } of mesh.gateways) await goOn(live, url);
      t.pass();

      /** Each session's next call, by this gateway, meets its replica and its cart. */
      async function goOn(all: typeof live, origin: string): Promise<void> {
        await Promise.all(
          all.map(async ({ client, replica }) => {
            const body = JSON.stringify({
              jsonrpc: '2.0',
              id: 1,
              method: 'tools/call',
              params: { name: 'whoami', arguments: {} },
            });
            const response = await fetch(`${origin}/mcp/${server}`, {
              method: 'POST',
              body,
              headers: {
                'content-type': 'application/json',
                accept: 'application/json, text/event-stream',
                'mcp-session-id': client.sessionId!,
                'mcp-protocol-version': '2025-11-25',
              },
            });
            const text = await response.text();
            t.is(response.status, 200, text);
            t.true(text.includes(JSON.stringify(replica)), text);
          }),
        );
      }
    },
  );

  test.serial(`${server}: sessions go on while Redis is stopped, and new ones can be made`, async (t) => {
    t.timeout(60_000);
    const fetch = alternatingFetch(mesh.gateways.map(({ url }) => url));
    const live = await sessions(server, fetch);
    const redis = mesh.redis!.processes[0]!;
    redis.pause();
    try {
      for (const { client } of live)
        for (let i = 0; i < 4; i += 1) t.deepEqual((await client.callTool('cart')).data.cart, ['ENG-1']);
      const more = await sessions(server, fetch);
      for (const { client, replica } of more) t.deepEqual((await client.callTool('whoami')).data.replica, replica);
    } finally {
      redis.resume();
    }
    await Promise.all(live.map(({ client }) => client.terminate()));
  });
}

for (const server of SERVERS) {
  test.serial(`${server}: a deleted session is unknown, also in the moments after a replica was killed`, async (t) => {
    t.timeout(60_000);
    const replicas = mesh.replicasOf(server);
    await mesh.settled(replicas);
    const victim = replicas[0]!;
    await victim.process.kill();
    try {
      for (let i = 0; i < 12; i += 1) {
        const client = await connectClient({ kind: 'v1', url: mesh.url(server, i % 2) });
        const sessionId = client.sessionId!;
        await client.terminate();
        const answer = await fetch(mesh.url(server, (i + 1) % 2), {
          method: 'POST',
          body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'mcp-session-id': sessionId,
            'mcp-protocol-version': '2025-11-25',
          },
        });
        const text = await answer.text();
        t.is(answer.status, 404, text);
        t.deepEqual(
          [...answer.headers.keys()].filter((name) => name.startsWith('x-')),
          [],
        );
      }
    } finally {
      await victim.process.start();
    }
  });
}
