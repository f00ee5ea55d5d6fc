import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { ReplicaClient } from '../../replica/client.ts';
import { fetchTools } from './fetch-tools.ts';
import type { Target } from './target.ts';

test('all pages of a list share one `recoveryMs`: a list without an end holds no call', async (t) => {
  let pages = 0;
  const server = createServer((_, response) => {
    pages++;
    const result = { tools: [{ name: `tool-${pages}` }], nextCursor: String(pages) };
    setTimeout(() => {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id: 'holdfast-tools', result }));
    }, 100);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const upstream = new ReplicaClient();
  t.teardown(async () => {
    await upstream.close();
    server.closeAllConnections();
    server.close();
  });
  const policy = serverPolicySchema.parse({ name: 'endless', timeouts: { recoveryMs: 1000 } });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const learned: unknown[] = [];
  const tools = { learn: (_server: string, result: unknown) => learned.push(result) };
  await fetchTools({ upstream, tools } as never, policy, { replica: { address }, upstreamId: null } as Target, []);
  t.true(learned.length > 0);
  t.true(pages < 20, `${pages} pages were asked for`);
});
