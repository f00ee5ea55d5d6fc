import test, { type ExecutionContext } from 'ava';
import { type OfficialKind, OFFICIAL_CLIENTS } from '../clients/foreign/connect-any.ts';
import { FOREIGN_KINDS } from '../clients/foreign/foreign-kinds.ts';
import { findForeignClient } from '../clients/foreign/install.ts';
import { cellsOf, startTableMesh } from '../clients/table/error-table.ts';
import { SITUATIONS } from '../clients/table/situations.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { testWith } from '../test-with.ts';

/** The table of `npm run clients`; clients of other languages only where that command has installed them. */
let mesh: Mesh;

test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startTableMesh();
});
test.after.always(() => mesh?.close());

const holds = (client: OfficialKind) => async (t: ExecutionContext) => {
  t.timeout(240_000);
  const cells = await cellsOf(mesh, client);
  if (typeof cells === 'string') return t.fail(cells);
  t.is(cells.length, SITUATIONS.length);
  for (const { situation, seen, isAsExpected, ended } of cells) {
    t.true(isAsExpected, `${situation}: ${seen}`);
    t.is(ended, null, `${situation} (${seen}): the session, or a call beside, is over`);
  }
};

const title = (client: OfficialKind): string =>
  `${OFFICIAL_CLIENTS[client]}: each failure is an answer or a typed error, and the session goes on`;

for (const client of ['v1', 'v2-legacy'] as const) test.serial(title(client), holds(client));
for (const client of FOREIGN_KINDS) {
  testWith('npm run clients once', findForeignClient(client) !== null, title(client), holds(client));
}
