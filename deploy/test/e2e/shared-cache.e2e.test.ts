import test from 'ava';
import { modernRequest } from '../clients/modern-request.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

let mesh: Mesh;

test.before(async (t) => {
  t.timeout(120_000);
  const server = { replicas: 2, program: 'deploy/test/servers/fixture/main.ts', args: ['--sdk', 'v2'] };
  mesh = await startMesh({
    gateways: 2,
    servers: { cached: { ...server, settings: { sharedCache: true } }, plain: server },
  });
});
test.after.always(() => mesh?.close());

const ask = (server: string, method: string, params: Record<string, unknown> = {}, gateway = 0) =>
  modernRequest(mesh.url(server, gateway), method, params);
/** The ttl that an answer still has: the fixture gives 5,000 ms, so less tells that it came from a cache. */
const ttl = async (
  server: string,
  method: string,
  params?: Record<string, unknown>,
  gateway?: number,
): Promise<number> => Number((await ask(server, method, params, gateway)).result?.ttlMs);

/** The list of tools as a gateway has it: when it was answered, and within which times it ends. */
async function list(
  gateway: number,
): Promise<{ isCached: boolean; atMs: number; endsAfterMs: number; endsBeforeMs: number }> {
  const askedMs = performance.now(),
    left = await ttl('cached', 'tools/list', {}, gateway),
    atMs = performance.now();
  return { isCached: left < 5000, atMs, endsAfterMs: askedMs + left, endsBeforeMs: atMs + left };
}

test('public results are served from the gateways’ caches until something changes; other servers’ are not', async (t) => {
  t.timeout(60_000);
  for (const [method, params] of [
    ['tools/list', {}],
    ['resources/read', { uri: 'test://static-text' }],
  ] as const) {
    await waitFor(async () => (await ttl('cached', method, params)) < 5000, { what: `${method} comes from a cache` });
    for (let i = 0; i < 10; i += 1) t.is(await ttl('plain', method, params), 5000);
  }
  // Both gateways have it. Then a replica says that its tools have changed, and both have another one before the old
  // one's time is up.
  await waitFor(
    async () => {
      const old = await Promise.all(mesh.gateways.map((_, gateway) => list(gateway)));
      if (!old.every(({ isCached }) => isCached)) return false;
      await ask('cached', 'tools/call', { name: 'test_trigger_tool_change', arguments: {} });
      const renewed = old.map(() => false);
      while (old.some(({ endsAfterMs }, gateway) => !renewed[gateway] && performance.now() < endsAfterMs)) {
        for (const [gateway, { endsAfterMs, endsBeforeMs }] of old.entries()) {
          const now = await list(gateway);
          if (now.atMs < endsAfterMs && now.endsAfterMs > endsBeforeMs) renewed[gateway] = true;
        }
      }
      return renewed.every(Boolean);
    },
    { what: 'both gateways have the list from their caches, and ask for it anew when it changes' },
  );
});
