import test from 'ava';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { converse } from './conversations-2026.ts';

let mesh: Mesh;
const ROUNDS = 1000;
const SERVERS = ['guarded', 'plain'] as const;

test.before(async (t) => {
  t.timeout(120_000);
  const server = { replicas: 3, program: 'deploy/test/servers/fixture/main.ts', args: ['--sdk', 'v2'] };
  mesh = await startMesh({ gateways: 2, servers: { guarded: server, plain: { ...server, settings: { guard: [] } } } });
});
test.after.always(() => mesh?.close());

for (const server of SERVERS) {
  test(`${server}: ${ROUNDS} conversations of 2026-07-28 in random order find what only one replica holds, every time`, async (t) => {
    t.timeout(180_000);
    const wrong = await converse(mesh, server, ROUNDS);
    t.deepEqual([wrong.length, wrong.slice(0, 5)], [0, []]);
  });
}
