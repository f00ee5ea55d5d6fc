import test from 'ava';
import type { Mesh } from '../mesh/start-mesh.ts';
import { seenBothWays, startMatrixMesh } from './matrix-cell.ts';
import { CLIENT_KINDS, SERVER_KINDS, canTalk } from './matrix.ts';

let mesh: Mesh;

test.before(async (t) => {
  t.timeout(180_000);
  mesh = await startMatrixMesh();
});
test.after.always(() => mesh?.close());

for (const server of SERVER_KINDS) {
  for (const kind of CLIENT_KINDS.filter((client) => canTalk(client, server))) {
    test(`a ${kind} client sees of a ${server.name} server the same through the mesh as without it`, async (t) => {
      const { direct, through } = await seenBothWays(mesh, kind, server.name);
      t.deepEqual(through, direct);
    });
  }
}
