import test from 'ava';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { ClientKind } from '../clients/mcp-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

let mesh: Mesh;
test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({ gateways: 2, servers: { linear: { replicas: 3, args: ['--http-sse'] } } });
});
test.after.always(() => mesh?.close());

for (const kind of ['v1-sse', 'v2-sse'] as ClientKind[]) {
  test.serial(`${kind}: a session of 2024-11-05 outlives its replica while its stream is open; its messages go through both gateways`, async (t) => {
    const client = await connectClient({ kind, url: mesh.url('linear'), fetch: alternatingFetch(mesh.gateways.map(({ url }) => url)), handlers: { sampling: (prompt) => `you said ${prompt}` } });
    t.teardown(() => client.close());
    await client.subscribe('issue:///ENG-3');
    t.is((await client.callTool('sample', { prompt: 'hi', via: 'call' })).data.said, 'you said hi');
    const home = ((await client.callTool('whoami')).data.replica as { name: string }).name;
    const replica = mesh.replicas.find(({ name }) => name === home)!;
    await replica.process.kill();
    const { data } = await client.callTool('whoami');
    t.not((data.replica as { name: string }).name, home);
    t.deepEqual(data.subscriptions, ['issue:///ENG-3']);
    await waitFor(() => client.notifications.some(({ method }) => method === 'notifications/resources/updated'), { what: 'what may have been missed is told' });
    t.is((await client.callTool('sample', { prompt: 'again', via: 'call' })).data.said, 'you said again');
    await replica.process.start();
  });
}
