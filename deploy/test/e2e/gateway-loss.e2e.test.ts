import test, { type ExecutionContext } from 'ava';
import { edgeFetch } from '../chaos/edge-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { ClientKind, Fetch } from '../clients/mcp-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

/** Half of them make a call that is safe to repeat. */
const CLIENTS = 12;
const isSafe = (index: number): boolean => index % 2 === 1;
/** Far beyond what the test takes: who is told by it was not told by the mesh. */
const TIMEOUT_MS = 60_000;

interface Told {
  isAnswered: boolean;
  code?: number;
  outcome?: string;
}

/** Calls `seen` once for each stream in which the mesh gives an event id. */
const watching =
  (inner: Fetch, seen: () => void): Fetch =>
  async (to, init) => {
    const answer = await inner(to, init);
    const isStream = answer.headers.get('content-type')?.includes('event-stream') === true;
    if (init?.method !== 'POST' || !isStream || !answer.body) return answer;
    const [forClient, forTest] = answer.body.tee();
    const look = async (): Promise<void> => {
      let text = '';
      for await (const chunk of forTest) {
        text += Buffer.from(chunk).toString();
        if (/^id: hf1\./m.test(text)) return seen();
      }
    };
    look().catch(() => undefined);
    return new Response(forClient, answer);
  };

/** Has a call of each client in flight through the edges, lets `strike` happen, and says what each client was told. */
async function strikeUnder(t: ExecutionContext, kind: ClientKind, strike: () => Promise<void>) {
  let primed = 0;
  const fetchThere = watching(edgeFetch(mesh.edges.map(({ url }) => url)), () => {
    primed += 1;
  });
  const url = `${mesh.edges[0]?.url}/mcp/linear`;
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => connectClient({ kind, url, fetch: fetchThere, timeoutMs: TIMEOUT_MS })),
  );
  t.teardown(() => Promise.all(clients.map((client) => client.close().catch(() => undefined))));
  const calls = clients.map((client, index) =>
    (isSafe(index)
      ? client.callTool('wait', { durationMs: 2000 })
      : client.callTool('charge', { key: `${kind}-${index}`, afterMs: 2000 })
    ).then(
      (): Told => ({ isAnswered: true }),
      ({ code, data }: { code: number; data?: { outcome?: string } }): Told => ({
        isAnswered: false,
        code,
        ...(data?.outcome !== undefined && { outcome: data.outcome }),
      }),
    ),
  );
  await waitFor(() => primed >= CLIENTS, { what: 'an event id for each call' });
  await strike();
  const told = await Promise.all(calls);
  t.is((await Promise.all(clients.map((client) => client.callTool('whoami')))).length, CLIENTS, 'sessions go on');
  t.true(
    told.every(({ isAnswered }, index) => isAnswered || !isSafe(index)),
    'what is safe to repeat is answered',
  );
  return told;
}

let mesh: Mesh;
test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({
    gateways: 2,
    edges: 2,
    servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } },
  });
});
test.after.always(() => mesh?.close());

test.serial('when an edge is killed, its calls are answered through another one', async (t) => {
  t.timeout(180_000);
  const told = await strikeUnder(t, 'v1', async () => mesh.edges[0]?.envoy.process.kill());
  t.deepEqual(
    told,
    told.map(() => ({ isAnswered: true })),
  );
});

test.serial('a gateway that is frozen costs its calls a typed error, and nobody waits for it', async (t) => {
  t.timeout(180_000);
  const frozen = mesh.gateways[1];
  const processes = frozen ? [frozen.envoy.process, ...frozen.sidecars.map(({ process }) => process)] : [];
  const thaw = (): void => {
    for (const process of processes) process.resume();
  };
  t.teardown(thaw);
  const told = await strikeUnder(t, 'v1', async () => {
    for (const process of processes) process.pause();
  });
  const lost = told.filter(({ isAnswered }) => !isAnswered);
  t.log(`${lost.length} of ${CLIENTS} calls were on it`);
  t.true(lost.length > 0);
  for (const one of lost) t.deepEqual(one, { isAnswered: false, code: -31001, outcome: 'sent_no_response' });
  thaw();
  await mesh.settled();
});

test.serial('who has a call on a gateway that is killed hears so at once, and the session goes on', async (t) => {
  t.timeout(180_000);
  const told = await strikeUnder(t, 'v2-legacy', async () => mesh.gateways[0]?.kill());
  const lost = told.filter(({ isAnswered }) => !isAnswered);
  t.log(`${lost.length} of ${CLIENTS} calls were on it`);
  t.true(lost.length > 0);
  for (const one of lost) t.deepEqual(one, { isAnswered: false, code: -31001, outcome: 'sent_no_response' });
});
