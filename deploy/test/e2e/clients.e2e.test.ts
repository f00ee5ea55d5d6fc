import test, { type ExecutionContext } from 'ava';
import { connectAny, type OfficialKind, OFFICIAL_CLIENTS } from '../clients/foreign/connect-any.ts';
import { FOREIGN_KINDS } from '../clients/foreign/foreign-kinds.ts';
import { findForeignClient } from '../clients/foreign/install.ts';
import { cellsOf, LIMITED, LIMITED_OFF, startTableMesh } from '../clients/table/error-table.ts';
import { SITUATIONS } from '../clients/table/situations.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { RPC_ERROR } from '../../../proto/rpc-error.ts';
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

const CALLS = 60;

const isLimited = (client: OfficialKind, server: string) => async (t: ExecutionContext) => {
  t.timeout(120_000);
  const connected = await connectAny(client, { url: mesh.url(server), timeoutSeconds: 60 });
  if (typeof connected === 'string') return t.fail(connected);
  try {
    // Python's clients ask for the tools after their first call.
    t.true('result' in (await connected.call('whoami')));
    const sibling = connected.call('wait', { durationMs: 1500 });
    const heard = await Promise.all(Array.from({ length: CALLS }, () => connected.call('whoami')));
    const errors = heard.flatMap((each) => ('error' in each ? [each.error] : []));
    t.true(errors.length > 0 && errors.length < CALLS, `${errors.length} of ${CALLS}: ${JSON.stringify(errors[0])}`);
    for (const { code, message, data } of errors) {
      t.is(code, RPC_ERROR.overload, message);
      t.true(message.includes(`servers[${server}].rateLimit`), message);
      t.like(data, { outcome: 'not_sent', retrySafe: true, limit: 'request_rate' });
    }
    const beside = await sibling;
    t.true('result' in beside || beside.error.code === RPC_ERROR.overload, JSON.stringify(beside));
    await waitFor(async () => 'result' in (await connected.call('whoami')), {
      what: 'the session to go on',
      timeoutMs: 30_000,
    });
  } finally {
    await connected.close();
  }
};

const limitedTitle = (client: OfficialKind, server: string): string =>
  `${OFFICIAL_CLIENTS[client]}, ${server}: calls beyond rateLimit get a typed error each, and the session goes on`;

for (const client of ['v1', 'v2-legacy'] as const)
  test.serial(limitedTitle(client, LIMITED), isLimited(client, LIMITED));
test.serial(limitedTitle('v1', LIMITED_OFF), isLimited('v1', LIMITED_OFF));
for (const client of FOREIGN_KINDS)
  for (const server of client === 'python-1' ? [LIMITED, LIMITED_OFF] : [LIMITED])
    testWith(
      'npm run clients once',
      findForeignClient(client) !== null,
      limitedTitle(client, server),
      isLimited(client, server),
    );
