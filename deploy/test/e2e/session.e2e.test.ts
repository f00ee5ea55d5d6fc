import test from 'ava';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { ClientKind, McpClient } from '../clients/mcp-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { homeNameOf } from './home-of.ts';

let mesh: Mesh;
const KINDS: ClientKind[] = ['v1', 'v2-legacy', 'v2-auto'];
/** `guarded` holds calls and streams in the relay, as is the default; `plain` leaves Envoy alone on the path. */
const SERVERS = ['guarded', 'plain'] as const;
const REQUESTS = 12;
/** So many that by chance one of three replicas has none once in 10^8 runs. */
const SPREAD = 48;

test.before(async (t) => {
  t.timeout(120_000);
  const program = 'deploy/test/servers/linear/main.ts';
  mesh = await startMesh({
    gateways: 2,
    servers: { guarded: { replicas: 3, program }, plain: { replicas: 3, program, settings: { guard: [] } } },
  });
});
test.after.always(() => mesh?.close());

const handlers = {
  sampling: (prompt: string) => `you said ${prompt}`,
  elicitation: (message: string) => ({ action: 'accept' as const, content: { answer: `${message} yes` } }),
  roots: ['file:///home/project'],
};

/** A client whose every request enters by the other gateway. */
function connect(kind: ClientKind, server: string): Promise<McpClient> {
  return connectClient({
    kind,
    url: mesh.url(server),
    handlers,
    fetch: alternatingFetch(mesh.gateways.map(({ url }) => url)),
  });
}

/** Official servers drop what they have to say while the client's GET stream has not arrived yet: said again until it is heard. */
const hears = (client: McpClient, method: string, speak: () => Promise<unknown>): Promise<unknown> =>
  waitFor(
    async () => {
      await speak();
      return client.notifications.some((seen) => seen.method === method);
    },
    { what: method, everyMs: 100 },
  );

for (const server of SERVERS) {
  for (const kind of KINDS) {
    test(`${server}, ${kind}: every request of a session meets the same replica, whichever gateway it enters by`, async (t) => {
      const client = await connect(kind, server);
      t.teardown(() => client.close());
      const first = (await client.callTool('whoami')).data;
      for (let i = 1; i <= REQUESTS; i += 1) {
        const { data } = await client.callTool('whoami');
        t.deepEqual(data.replica, first.replica);
        t.is(data.sessionRequests, Number(first.sessionRequests) + i);
      }
      t.true(first.hasInitialized);
    });

    test(`${server}, ${kind}: tools, resources, prompts, completion and progress are what the replica answers`, async (t) => {
      const client = await connect(kind, server);
      t.teardown(() => client.close());
      t.true((await client.listTools()).includes('cart_add'));
      await client.callTool('cart_add', { id: 'ENG-1' });
      await client.callTool('cart_add', { id: 'ENG-2' });
      t.deepEqual((await client.callTool('cart')).data.cart, ['ENG-1', 'ENG-2']);
      t.is(await client.readResource('cart:///mine'), '["ENG-1","ENG-2"]');
      t.true((await client.listResources()).includes('cart:///mine'));
      t.deepEqual(await client.listPrompts(), ['triage']);
      t.is(await client.getPrompt('triage', { id: 'ENG-2' }), 'Propose the next step for ENG-2: Export as CSV');
      t.deepEqual(await client.complete('triage', 'id', 'ENG-1'), ['ENG-1']);
      t.true((await client.callTool('fail')).isError);
      t.is((await client.callTool('blob', { bytes: 1 << 20 })).text.length, 1 << 20);
      const steps: number[] = [];
      // An official client drops progress that it reads together with the answer, as it does after a pause.
      await waitFor(
        async () => {
          await client.callTool(
            'watch',
            { durationMs: 300, steps: 3 },
            { onProgress: ({ progress }) => steps.push(progress) },
          );
          return steps.length > 0;
        },
        { what: 'progress' },
      );
      await client.ping();
    });

    test(`${server}, ${kind}: subscriptions, list changes and log messages arrive on the GET stream`, async (t) => {
      const client = await connect(kind, server);
      t.teardown(() => client.close());
      await client.subscribe('cart:///mine');
      await client.setLogLevel('warning');
      await t.notThrowsAsync(
        hears(client, 'notifications/resources/updated', () => client.callTool('cart_add', { id: 'ENG-3' })),
      );
      await t.notThrowsAsync(
        hears(client, 'notifications/tools/list_changed', () => client.callTool('announce', { list: 'tools' })),
      );
      await t.notThrowsAsync(
        hears(client, 'notifications/message', () => client.callTool('say', { level: 'error', message: 'loud' })),
      );
    });

    test(`${server}, ${kind}: sampling, elicitation and roots go to the client and back, on the call's stream and on the GET stream`, async (t) => {
      const client = await connect(kind, server);
      t.teardown(() => client.close());
      await hears(client, 'notifications/tools/list_changed', () => client.callTool('announce', { list: 'tools' }));
      for (const via of ['call', 'stream']) {
        t.is((await client.callTool('sample', { prompt: 'hi', via })).data.said, 'you said hi');
        t.deepEqual((await client.callTool('elicit', { question: 'sure?', via })).data.content, {
          answer: 'sure? yes',
        });
        t.deepEqual((await client.callTool('roots', { via })).data.roots, ['file:///home/project']);
      }
    });

    test(`${server}, ${kind}: a session that was deleted is unknown on every gateway, and on its replica`, async (t) => {
      const client = await connect(kind, server);
      const name = await homeNameOf(client);
      const sessionId = client.sessionId!;
      const before = await stats(server, name);
      await client.terminate();
      for (const gateway of mesh.gateways.keys()) {
        const answer = await post(mesh.url(server, gateway), sessionId);
        t.is(answer.status, 404);
        t.is(((await answer.json()) as { error: { code: number } }).error.code, -32001);
      }
      await waitFor(async () => (await stats(server, name)).deletes > before.deletes, {
        what: 'the replica saw the DELETE',
      });
    });
  }

  test(`${server}: session ids carry no address, and sessions are spread over the replicas`, async (t) => {
    const clients = await Promise.all(Array.from({ length: SPREAD }, () => connect('v1', server)));
    t.teardown(() => Promise.all(clients.map((client) => client.close())));
    const ports = mesh.replicasOf(server).map(({ address }) => address.split(':')[1]!);
    const names = await Promise.all(
      clients.map(async (client, index) => {
        t.regex(client.sessionId!, /^[0-9a-oq-z]{1,7}~[0-9a-f-]{36}$/);
        t.notRegex(client.sessionId!, /\d+\.\d+\.\d+\.\d+/);
        // A UUID may hold any five digits; the slot may not.
        t.false(ports.includes(client.sessionId!.split('~')[0]!));
        await client.callTool('cart_add', { id: `ENG-${(index % 3) + 1}` });
        return homeNameOf(client);
      }),
    );
    t.deepEqual(
      [...new Set(names)].sort(),
      mesh
        .replicasOf(server)
        .map(({ name }) => name)
        .sort(),
    );
    for (const [index, client] of clients.entries())
      t.deepEqual((await client.callTool('cart')).data.cart, [`ENG-${(index % 3) + 1}`]);
  });

  test(`${server}: an unknown session, of a known or an unknown slot, is answered with 404`, async (t) => {
    const client = await connect('v1', server);
    t.teardown(() => client.close());
    const slot = client.sessionId!.split('~')[0]!;
    for (const id of [
      `${slot}~00000000-0000-0000-0000-000000000000`,
      'zzzz~00000000-0000-0000-0000-000000000000',
      'no-slot-at-all',
    ]) {
      const answer = await post(mesh.url(server), id);
      const text = await answer.text();
      t.is(answer.status, 404, `${id}: ${text}`);
      t.is((JSON.parse(text) as { error: { code: number } }).error.code, -32001);
    }
  });
}

function post(url: string, sessionId: string): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': sessionId,
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'ping' }),
  });
}

async function stats(server: string, replica: string): Promise<{ deletes: number }> {
  const { address } = mesh.replicasOf(server).find(({ name }) => name === replica)!;
  return (await fetch(`http://${address}/__stats`)).json() as Promise<{ deletes: number }>;
}
