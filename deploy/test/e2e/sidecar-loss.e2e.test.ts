import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { JWT } from '../bench/load/http-load.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { McpClient } from '../clients/mcp-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { movedAndKept } from './migration-assertions.ts';

/** Longer than Envoy keeps an ejected relay out: the requests right after that are the ones that could fail. */
const LOAD_MS = 5000;

/** Six sessions at least, and so many more that every replica has one. */
async function onEveryReplica(mesh: Mesh): Promise<{ clients: McpClient[]; homes: string[] }> {
  const clients: McpClient[] = [],
    homes: string[] = [];
  while (clients.length < 6 || new Set(homes).size < mesh.replicas.length) {
    if (clients.length === 100) throw new Error(`100 sessions, all on ${[...new Set(homes)].join(', ')}`);
    const client = await connectClient({ kind: 'v1', url: mesh.url('linear') });
    clients.push(client);
    homes.push(String((await client.callTool('cart')).data['replica']));
  }
  return { clients, homes };
}

test('while a gateway’s sidecar is dead its sessions go on over the neighbour’s, new ones and those that were moved as well', async (t) => {
  t.timeout(120_000);
  await using mesh = await startMesh({ servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } } });
  const { moved, kept } = await movedAndKept(mesh);

  await mesh.gateways[0]!.sidecars[0]!.process.kill();
  const failures: string[] = [];
  const attempt = (what: string, work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: Error) => failures.push(`${what}: ${error.message}`));
  for (const endMs = performance.now() + LOAD_MS; performance.now() < endMs; await sleep(20)) {
    await attempt('moved session', moved.callTool('cart'));
    await attempt('steady session', kept.callTool('cart'));
    await attempt(
      'new session',
      connectClient({ kind: 'v1', url: mesh.url('linear') }).then((client) => client.terminate()),
    );
  }
  t.deepEqual(failures, []);
  await Promise.all([moved.terminate(), kept.terminate()]);
});

test('of two sidecar processes either may die, and both, without a failed call', async (t) => {
  t.timeout(120_000);
  await using mesh = await startMesh({
    processes: 2,
    servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } },
  });
  const { clients, homes } = await onEveryReplica(mesh);
  // Its sessions live elsewhere from now on: they are the relay's, which is what dies.
  await mesh.replicas.find(({ name }) => name === homes[0])!.process.restart('SIGKILL');
  await mesh.settled();
  const failures: string[] = [];
  const round = async (phase: string): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) {
      for (const client of clients)
        await client.callTool('cart').catch((error: Error) => failures.push(`${phase}: ${error.message}`));
    }
    await connectClient({ kind: 'v1', url: mesh.url('linear') })
      .then((client) => client.terminate())
      .catch((error: Error) => failures.push(`${phase}, new session: ${error.message}`));
  };
  await round('both alive');
  const [first, second] = mesh.gateways[0]!.sidecars;
  await second!.process.kill();
  await round('one dead');
  await first!.process.kill();
  await round('both dead');
  t.deepEqual(failures, []);
  await Promise.all(clients.map((client) => client.terminate()));
});

test('without a guard a session whose replica dies beside a dead sidecar goes on: the neighbour’s relay brings it back', async (t) => {
  t.timeout(120_000);
  await using mesh = await startMesh({
    servers: { linear: { replicas: 2, settings: { guard: 'off', trustAnnotations: true } } },
  });
  const { clients, homes } = await onEveryReplica(mesh);
  await mesh.gateways[0]!.sidecars[0]!.process.kill();
  const dead = mesh.replicas.find(({ name }) => name === homes[0])!,
    alive = mesh.replicas.find(({ name }) => name !== homes[0])!;
  await dead.process.kill();
  for (const client of clients) t.is(String((await client.callTool('cart')).data['replica']), alive.name);
  await Promise.all(clients.map((client) => client.terminate()));
});

test('sessions that are always decided on go on while their gateway’s sidecar hangs, and when it is dead: the neighbour’s is asked', async (t) => {
  t.timeout(120_000);
  await using mesh = await startMesh({ servers: { linear: { replicas: 2, settings: { guard: 'off' } } } });
  const clients = await Promise.all(
    Array.from({ length: 8 }, () =>
      connectClient({ kind: 'v1', url: mesh.url('linear'), headers: { authorization: JWT } }),
    ),
  );
  const { process } = mesh.gateways[0]!.sidecars[0]!;
  const decided = async (): Promise<number> =>
    (await mesh.gateways[0]!.envoy.stats('ext_proc.stream_msgs_sent'))['http.mcp.ext_proc.stream_msgs_sent'] ?? 0;
  const before = await decided();
  for (const client of clients) await client.callTool('cart');
  t.true((await decided()) >= before + clients.length);
  process.pause();
  // All at once and one after the other: those that are asked first wait for the hanging one, the others need not.
  await t.notThrowsAsync(Promise.all(clients.map((client) => client.callTool('cart'))));
  for (const client of clients) await t.notThrowsAsync(client.callTool('cart'));
  process.resume();
  for (const client of clients) await t.notThrowsAsync(client.callTool('cart'));
  await process.kill();
  await t.notThrowsAsync(Promise.all(clients.map((client) => client.callTool('cart'))));
  for (const client of clients) await t.notThrowsAsync(client.callTool('cart'));
  await Promise.all(clients.map((client) => client.terminate()));
});
