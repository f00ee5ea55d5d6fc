import test from 'ava';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { modernRequest } from '../clients/modern-request.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

let mesh: Mesh;

test.before(async (t) => {
  t.timeout(120_000);
  const server = { replicas: 2, program: 'deploy/servers/fixture/main.ts', args: ['--sdk', 'v2'] };
  mesh = await startMesh({ gateways: 2, servers: { cached: { ...server, settings: { sharedCache: true } }, plain: server } });
});
test.after.always(() => mesh?.close());

const ask = (server: string, method: string, params: Record<string, unknown> = {}) => modernRequest(mesh.url(server), method, params, { fetch: alternatingFetch(mesh.gateways.map(({ url }) => url)) });
/** The ttl that an answer still has: the fixture gives 5,000 ms, so less tells that it came from a cache. */
const ttl = async (server: string, method: string, params?: Record<string, unknown>): Promise<number> => Number((await ask(server, method, params)).result?.ttlMs);

test('public results are served from the gateways’ caches until something changes; other servers’ are not', async (t) => {
  t.timeout(60_000);
  for (const [method, params] of [['tools/list', {}], ['resources/read', { uri: 'test://static-text' }]] as const) {
    await waitFor(async () => (await ttl('cached', method, params)) < 5000, { what: `${method} comes from a cache` });
    for (let i = 0; i < 10; i += 1) t.is(await ttl('plain', method, params), 5000);
  }
  // Both gateways have it; then a tool says at one replica that the tools have changed.
  await waitFor(async () => (await ttl('cached', 'tools/list')) < 5000 && (await ttl('cached', 'tools/list')) < 5000, { what: 'both gateways answer from their caches' });
  const left = await ttl('cached', 'tools/list');
  await ask('cached', 'tools/call', { name: 'test_trigger_tool_change', arguments: {} });
  await waitFor(async () => (await ttl('cached', 'tools/list')) > left, { what: 'the list is asked for anew' });
});
