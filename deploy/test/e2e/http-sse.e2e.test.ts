import test from 'ava';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import { errorCode, type ClientKind } from '../clients/mcp-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { homeOf } from './home-of.ts';

let mesh: Mesh;
test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({ gateways: 2, servers: { linear: { replicas: 3, args: ['--http-sse'] } } });
});
test.after.always(() => mesh?.close());

for (const kind of ['v1-sse', 'v2-sse'] as ClientKind[]) {
  test.serial(
    `${kind}: a session of 2024-11-05 outlives its replica while its stream is open; its messages go through both gateways`,
    async (t) => {
      const client = await connectClient({
        kind,
        url: mesh.url('linear'),
        fetch: alternatingFetch(mesh.gateways.map(({ url }) => url)),
        handlers: { sampling: (prompt) => `you said ${prompt}` },
      });
      t.teardown(() => client.close());
      await client.subscribe('issue:///ENG-3');
      t.is((await client.callTool('sample', { prompt: 'hi', via: 'call' })).data.said, 'you said hi');
      const replica = await homeOf(mesh, client);
      await replica.process.kill();
      const { data } = await client.callTool('whoami');
      t.not((data.replica as { name: string }).name, replica.name);
      t.deepEqual(data.subscriptions, ['issue:///ENG-3']);
      await waitFor(() => client.notifications.some(({ method }) => method === 'notifications/resources/updated'), {
        what: 'what may have been missed is told',
      });
      t.is((await client.callTool('sample', { prompt: 'again', via: 'call' })).data.said, 'you said again');
      await replica.process.start();
    },
  );
}

test.serial('a call of 2024-11-05 whose replica dies is told so, whichever gateway it came through', async (t) => {
  const urls = mesh.gateways.map(({ url }) => url);
  for (const posts of urls) {
    // The stream through one gateway, every message through the other, or the same.
    const viaPosts = (url: string | URL, init?: RequestInit): Promise<Response> =>
      fetch(init?.method === 'POST' ? String(url).replace(urls[0]!, posts) : url, init);
    const client = await connectClient({ kind: 'v1-sse', url: mesh.url('linear'), fetch: viaPosts });
    t.teardown(() => client.close());
    const replica = await homeOf(mesh, client);
    const direct = await connectClient({ kind: 'v1', url: replica.url }),
      call = client.callTool('charge', { key: posts, afterMs: 60_000 });
    await waitFor(async () => (await direct.callTool('charges', { key: posts })).data.here === 1, {
      what: 'the call is in flight',
    });
    const killedMs = performance.now();
    await replica.process.kill();
    const error = (await t.throwsAsync(call)) as Error & { data?: unknown };
    t.log(`${Math.round(performance.now() - killedMs)} ms after the kill`);
    t.is(errorCode(error), -31001);
    t.like(error.data, { outcome: 'sent_no_response', retrySafe: false });
    await direct.close().catch(() => undefined);
    await replica.process.start();
    await mesh.settled();
  }
});
