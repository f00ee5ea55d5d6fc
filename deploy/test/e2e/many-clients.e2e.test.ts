import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';

const IDLE = 10_000,
  SLOW = 1000,
  AT_ONCE = 250;

test('an edge with 10,000 idle connections and 1,000 that send their headers a byte at a time goes on serving others', async (t) => {
  const mesh = await startMesh({ edges: 1 });
  t.teardown(mesh.close);
  const edge = mesh.edges[0]!.url,
    port = Number(new URL(edge).port),
    crowd: Socket[] = [];
  t.teardown(() => {
    for (const socket of crowd) socket.destroy();
  });
  const join = (host: string): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: host }, () => resolve(socket));
      crowd.push(socket.on('error', reject));
      socket.resume();
    });
  // Several source addresses, so that ports do not run out.
  for (let at = 0; at < IDLE + SLOW; at += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => join(`127.0.0.${2 + ((at + index) % 4)}`)));
  const slow = crowd.slice(0, SLOW);
  for (const socket of slow) {
    socket.on('error', () => undefined);
    socket.write('GET /mcp/linear HTTP/1.1\r\nhost: x\r\nx-slow: ');
  }
  let isOver = false;
  const drip = (async () => {
    while (!isOver) {
      for (const socket of slow) if (socket.writable) socket.write('a');
      await pause(500);
    }
  })();
  const client = await connectClient({ kind: 'v1', url: `${edge}/mcp/linear`, fetch: alternatingFetch([edge]) });
  const took: number[] = [];
  for (let call = 0; call < 50; call++) {
    const startMs = performance.now();
    await client.callTool('whoami');
    took.push(performance.now() - startMs);
  }
  // While the client has its own: those that dawdle over their headers are ended after a while.
  const open = (await mesh.edges[0]!.envoy.stats('http.edge.downstream_cx_active'))['http.edge.downstream_cx_active']!;
  isOver = true;
  await drip;
  await client.close();
  t.is(took.length, 50);
  t.true(open > IDLE, `${open} connections were open`);
  t.log(
    `${open} connections open; calls took ${Math.round(took.toSorted((a, b) => a - b)[25]!)} ms in the middle, ${Math.round(Math.max(...took))} ms at most`,
  );
});
