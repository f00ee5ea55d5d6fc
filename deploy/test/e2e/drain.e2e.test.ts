import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast, type Ran } from './holdfast-command.ts';
import { SteadyLoad } from './steady-load.ts';

let mesh: Mesh;
const run = (...args: string[]): Promise<Ran> => holdfast(mesh.controlPlane.adminUrl, ...args);

test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({ gateways: 2, servers: { linear: { replicas: 3 } } });
});
test.after.always(() => mesh?.close());

interface Listed {
  replica: string;
  state: string;
  slot: string;
  weight: number;
}
const replicas = async (): Promise<Listed[]> => JSON.parse((await run('replicas', '--json')).out) as Listed[];

test.serial('a drained replica ends without a failed call or a lost session, and comes back', async (t) => {
  t.timeout(120_000);
  const load = await new SteadyLoad({ mesh, server: 'linear', sessions: 9, newEveryMs: 200 }).start();
  t.teardown(() => load.stop());
  const drained = await run('drain', 'linear-2', '--deadline', '60s');
  t.is(drained.code, 0, drained.err);
  t.regex(drained.out, /linear linear-2: drained: /);
  const [, two] = mesh.replicas;
  await two!.process.stop();
  await waitFor(async () => (await replicas()).find(({ replica }) => replica === 'linear-2')?.state === 'unhealthy', {
    what: 'seen as gone',
  });
  await two!.process.start();
  await waitFor(async () => (await replicas()).find(({ replica }) => replica === 'linear-2')?.state === 'draining', {
    what: 'seen as back',
  });
  t.is((await run('undrain', 'linear-2')).code, 0);
  await mesh.settled();
  const report = await load.stop();
  t.deepEqual(report.failures, []);
  t.false(report.homes.includes('linear-2'), 'its sessions moved');
  t.log(`${report.calls} calls, ${report.homes.length} lasting sessions`);
});

test.serial(
  'idle sessions leave a drained replica by themselves; the drain is over long before its deadline',
  async (t) => {
    t.timeout(120_000);
    // So many that by chance none of them is on linear-2 once in 10^8 runs.
    const clients = await Promise.all(
      Array.from({ length: 48 }, (_, index) =>
        connectClient({
          kind: index % 3 === 0 ? 'v1' : 'v2-legacy',
          url: mesh.url('linear', index % 2),
          timeoutMs: 15_000,
        }),
      ),
    );
    t.teardown(() => Promise.all(clients.map((client) => client.close().catch(() => undefined))));
    for (const client of clients) {
      await client.setLogLevel('warning');
      await client.subscribe('cart:///mine');
    }
    const askAll = () =>
      Promise.all(
        clients.map(
          async (client) =>
            (await client.callTool('whoami')).data as {
              replica: { name: string };
              logLevel: string;
              subscriptions: string[];
              client: { name: string };
            },
        ),
      );
    const homeOf = ({ replica }: { replica: { name: string } }): string => replica.name;
    const before = (await askAll()).map(homeOf),
      there = before.filter((home) => home === 'linear-2').length;
    t.true(there > 0);
    const startedMs = Date.now(),
      drained = await run('drain', 'linear-2', '--deadline', '60s');
    t.is(drained.code, 0, drained.err);
    t.regex(drained.out, /linear linear-2: drained: nothing is left/);
    t.regex(
      drained.err,
      /linear linear-2: [1-9]\d* session\(s\), 0 call\(s\) in flight left; \d+ s to the deadline/,
      'how far it is',
    );
    t.true(Date.now() - startedMs < 60_000, 'not by its deadline');
    await mesh.replicasOf('linear')[1]!.process.stop();
    const sessions = await askAll(),
      after = sessions.map(homeOf);
    for (const { logLevel, subscriptions, client } of sessions)
      t.deepEqual([logLevel, subscriptions, client.name], ['warning', ['cart:///mine'], 'holdfast-test-client']);
    t.false(after.includes('linear-2'));
    for (const [index, home] of before.entries())
      if (home !== 'linear-2') t.is(after[index], home, 'sessions of others stayed');
    t.log(`${there} of ${clients.length} idle sessions moved; drained after ${Date.now() - startedMs} ms`);
    await mesh.replicasOf('linear')[1]!.process.start();
    t.is((await run('undrain', 'linear-2')).code, 0);
    await mesh.settled();
  },
);

test.serial('a rolling restart of every replica fails no call and loses no session', async (t) => {
  t.timeout(180_000);
  const load = await new SteadyLoad({ mesh, server: 'linear', sessions: 9, newEveryMs: 200 }).start();
  t.teardown(() => load.stop());
  for (const { name, process } of mesh.replicas) {
    const before = (await replicas()).find(({ replica }) => replica === name)!.slot;
    t.is((await run('drain', name, '--until-restart', '--deadline', '60s')).code, 0);
    await process.restart();
    await waitFor(
      async () => {
        const now = (await replicas()).find(({ replica }) => replica === name)!;
        return now.state === 'active' && now.slot !== before && now.weight > 0;
      },
      { what: `${name} taken in again with a slot of its own` },
    );
  }
  const report = await load.stop();
  t.deepEqual(report.failures, []);
  t.log(`${report.calls} calls, ${[...report.begun.values()].reduce((sum, each) => sum + each, 0)} sessions`);
});

test.serial('an order to drain what is not there is refused and changes nothing', async (t) => {
  const refused = await run('drain', 'linear-9');
  t.is(refused.code, 65);
  t.regex(refused.err, /there is no replica linear-9; there are linear\/linear-1/);
  t.is((await run('drain', 'list')).out, 'nothing is drained\n');
});
