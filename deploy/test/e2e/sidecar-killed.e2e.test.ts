import test, { type ExecutionContext } from 'ava';
import { callsOn } from '../clients/table/gateway-loss.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { ClientKind, McpClient } from '../clients/mcp-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

/** Far beyond what the test takes: who is told by it was not told by the mesh. */
const TIMEOUT_MS = 60_000;
/** The replica works for so long on what is never answered. */
const LONG_MS = 30_000;
const KINDS: readonly ClientKind[] = ['v1', 'v2-legacy'];

let mesh: Mesh;
test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({
    gateways: 2,
    servers: {
      linear: { replicas: 2, settings: { trustAnnotations: true } },
      json: {
        program: 'deploy/test/servers/linear/main.ts',
        args: ['--json-responses'],
        replicas: 2,
        settings: { trustAnnotations: true },
      },
    },
  });
});
test.after.always(() => mesh?.close());

/** What a client was told of one call. */
const told = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answer',
    ({ code, data }: { code?: number; data?: { outcome?: string } }) => `${code}, ${data?.outcome}`,
  );

const connected = async (t: ExecutionContext, server: string): Promise<McpClient[]> => {
  const clients = await Promise.all(
    KINDS.map((kind) => connectClient({ kind, url: mesh.url(server), timeoutMs: TIMEOUT_MS })),
  );
  t.teardown(() => Promise.all(clients.map((client) => client.close().catch(() => undefined))));
  return clients;
};

test.serial('when a sidecar is killed under its Envoy, its calls end at the neighbour’s', async (t) => {
  t.timeout(180_000);
  const [gateway] = mesh.gateways;
  const [json, linear] = [await connected(t, 'json'), await connected(t, 'linear')];
  for (const client of linear) await client.subscribe('cart:///mine');
  const unsafe = [...json, ...linear].map((client, index) =>
    told(client.callTool('charge', { key: `killed-${index}`, afterMs: LONG_MS })),
  );
  const safe = json.map((client) => told(client.callTool('wait', { durationMs: 3000 })));
  let seen = 0;
  // Seen several times: by then the streams of those that answer by events have an event id.
  const areHeld = async (): Promise<boolean> => {
    if (gateway && (await callsOn(gateway)) === unsafe.length + safe.length) seen += 1;
    return seen > 5;
  };
  await waitFor(areHeld, { what: 'all calls are held' });
  await gateway?.sidecars[0]?.process.kill();
  t.deepEqual(
    await Promise.all(unsafe),
    unsafe.map(() => '-31001, sent_no_response'),
  );
  t.deepEqual(
    await Promise.all(safe),
    safe.map(() => 'answer'),
  );

  // Their GET streams ended with the sidecar, and are open again at the neighbour's.
  for (const client of linear) {
    const heard = async (): Promise<boolean> => {
      await client.callTool('cart_add', { id: 'ENG-1' });
      return client.notifications.some(({ method }) => method === 'notifications/resources/updated');
    };
    await waitFor(heard, { what: `${client.kind} hears of its cart`, everyMs: 100 });
  }
});
