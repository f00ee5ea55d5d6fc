import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { errorCode, type McpClient } from '../clients/mcp-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { homeOf, orderFault } from './home-of.ts';

let mesh: Mesh;
const GUARDS = { guarded: ['calls', 'streams'], streams: ['streams'], plain: [] } as const;
// Probes list the tools once and then keep quiet: what happens here is the gateways' own doing.
const probe = { intervalMs: 600_000, fullIntervalMs: 600_000, retryMs: 1000, unhealthyAfter: 100 };

test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({
    gateways: 2,
    config: (config) => {
      config['gateway'] = { ...(config['gateway'] as object | undefined), responseOutcomes: 'events' };
    },
    servers: Object.fromEntries(
      Object.entries(GUARDS).map(([name, guard]) => [
        name,
        {
          replicas: 2,
          program: 'deploy/test/servers/linear/main.ts',
          settings: { guard: [...guard], probe, trustAnnotations: true, timeouts: { callMs: 400 } },
        },
      ]),
    ),
  });
});
test.after.always(() => mesh?.close());

const connect = (server: string, gateway = 0): Promise<McpClient> =>
  connectClient({ kind: 'v1', url: mesh.url(server, gateway) });
const codeOf = (call: Promise<unknown>): Promise<number | undefined> => call.then(() => 0, errorCode);
/** Breakers that any gateway holds to be other than closed. */
async function notClosed(server: string): Promise<string[]> {
  const texts = await Promise.all(
    mesh.gateways.flatMap(({ sidecars }) =>
      sidecars.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()),
    ),
  );
  return texts
    .flatMap((text) => text.match(/^mcp_breaker_not_closed\{.*$/gm) ?? [])
    .filter((line) => line.includes(`"${server}"`));
}
/** tools/call outcomes other than success that the gateways have counted of a server. */
async function faultsOf(server: string): Promise<number> {
  const texts = await Promise.all(
    mesh.gateways.flatMap(({ sidecars }) =>
      sidecars.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()),
    ),
  );
  const series = new RegExp(
    `^mcp_errors_total\\{method="tools/call",server_id="${server}",error_type="[^"]+"\\} (\\d+)$`,
    'gm',
  );
  return texts.flatMap((text) => [...text.matchAll(series)]).reduce((sum, [, count]) => sum + Number(count), 0);
}

for (const server of Object.keys(GUARDS)) {
  test.serial(`${server}: one client, however many sessions it has, shuts nothing to the others`, async (t) => {
    const attackers = await Promise.all([0, 1, 0, 1, 0, 1].map((gateway) => connect(server, gateway)));
    const others = await Promise.all([connect(server, 0), connect(server, 1)]);
    t.teardown(() => Promise.all([...attackers, ...others].map((client) => client.close())));
    const before = await faultsOf(server);
    for (let round = 0; round < 4; round++)
      await Promise.all(
        attackers.flatMap((client) => [
          codeOf(client.callTool('throw')),
          codeOf(client.callTool(`invented_${round}`)),
          codeOf(client.callTool('wait', { durationMs: 2000 }, { timeoutMs: 3000 })),
        ]),
      );
    await waitFor(async () => (await faultsOf(server)) - before >= 24, { what: 'the faults are counted' });
    t.deepEqual(await notClosed(server), []);
    for (const client of [...others, await connect(server, 0)])
      t.is(await codeOf(client.callTool('echo', { text: 'still here' })), 0);
    t.is(await codeOf(others[0].callTool('throw')), -32603, 'the tool itself is not shut either');
  });

  test.serial(`${server}: a replica that answers garbage is found although one session uses it`, async (t) => {
    const client = await connect(server);
    t.teardown(() => client.close());
    const home = await homeOf(mesh, client);
    await orderFault(home, 'nonsense=garbage&count=100000&method=POST');
    t.teardown(() => orderFault(home, 'count=0'));
    await waitFor(
      async () => {
        await client.callTool('charge', { key: `${server}-${Math.random()}` }, { timeoutMs: 3000 }).catch(() => {});
        return (await notClosed(server)).some((line) => line.includes('level="replica"'));
      },
      { what: 'the replica is shut out', timeoutMs: 60_000 },
    );
    await waitFor(
      async () => (await client.callTool('echo', { text: 'hello' }, { timeoutMs: 3000 })).text.includes('hello'),
      { what: 'the session goes on elsewhere' },
    );
    t.pass();
  });
}
