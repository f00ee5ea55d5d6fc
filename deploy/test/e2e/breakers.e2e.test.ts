import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { errorCode, type McpClient } from '../clients/mcp-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { RPC_ERROR } from '../../../proto/rpc-error.ts';
import { resetToolBreaker } from './reset-tool-breaker.ts';
import { breakersNotClosed, toolCalls } from './sidecar-metrics.ts';
import { homeOf, orderFault } from './home-of.ts';

let mesh: Mesh;
const program = 'deploy/test/servers/linear/main.ts';
const alone = { minSessions: 1, minClients: 1 }; // Each call counts; one-client.e2e.test.ts shows the default.
const breaker = { threshold: 5, timeoutMs: 2000, maxTimeoutMs: 4000, halfOpenPermits: 2, ...alone };
// Probes list the tools once: what is found out here is found out by requests.
const probe = { intervalMs: 600_000, fullIntervalMs: 600_000, retryMs: 1000, unhealthyAfter: 100 };
const common = { replicaBreaker: breaker, toolBreaker: breaker, probe, trustAnnotations: true };

test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({
    gateways: 2,
    // Outcomes of unguarded servers are in their answers' events.
    config: (config) => {
      config['gateway'] = { ...(config['gateway'] as object | undefined), responseOutcomes: 'events' };
    },
    servers: {
      guarded: { replicas: 3, program, settings: common },
      plain: { replicas: 3, program, settings: { ...common, guard: [] } },
      // Tools stay shut out: what is true of an open breaker is asked one after the other, and the machine may pause in between.
      steady: {
        replicas: 3,
        program,
        settings: { ...common, toolBreaker: { ...breaker, timeoutMs: 600_000, maxTimeoutMs: 600_000 } },
      },
      lonely: {
        replicas: 1,
        program,
        settings: { ...common, toolBreaker: { ...breaker, timeoutMs: 6000, maxTimeoutMs: 6000 } },
      },
      // Nobody else calls these.
      'counted-guarded': { replicas: 2, program, settings: common },
      'counted-plain': { replicas: 2, program, settings: { ...common, guard: [] } },
      slow: {
        replicas: 2,
        program,
        settings: {
          ...common,
          toolBreaker: {
            ...breaker,
            form: 'rate',
            windowSize: 20,
            minimumCalls: 5,
            slowCallMs: 80,
            slowCallRatePercent: 60,
          },
        },
      },
    },
  });
});
test.after.always(() => mesh?.close());

const notClosed = (server: string, gateway: number) => breakersNotClosed(mesh, server, gateway);
const onBoth = async (server: string, is: (breakers: string[]) => boolean): Promise<boolean> =>
  is(await notClosed(server, 0)) && is(await notClosed(server, 1));
/** Those of replicas: a tool's breaker closes when somebody calls the tool and it works. */
const ofReplicas = (breakers: string[]): string[] => breakers.filter((each) => each.startsWith('replica '));
const allClosed = (server: string) =>
  waitFor(() => onBoth(server, (each) => ofReplicas(each).length === 0), {
    what: `${server}: no replica is shut out`,
    timeoutMs: 30_000,
  });
/** What a v1 client shows of a call that a breaker refused: the error's code where the relay answers, else the HTTP status. */
const isRefusal = (code: number | undefined): boolean => code === RPC_ERROR.breakerOpen || code === 503;
const connect = (server: string, gateway = 0): Promise<McpClient> =>
  connectClient({ kind: 'v1', url: mesh.url(server, gateway) });
const codeOf = (call: Promise<unknown>): Promise<number | undefined> => call.then(() => 0, errorCode);

test.serial('a tool that throws: its breaker opens on every gateway, and no other does', async (t) => {
  const clients = [await connect('steady', 0), await connect('steady', 1)];
  t.teardown(() => Promise.all(clients.map((client) => client.close())));
  // A tool counts once a gateway knows that the server lists it: the control plane may not have said so yet.
  for (const client of clients) t.true((await client.listTools()).includes('throw'));
  for (let i = 0; i < 5; i++) t.is(await codeOf(clients[0]!.callTool('throw')), -32603);
  const openedMs = performance.now();
  await waitFor(() => onBoth('steady', (each) => each.includes('tool throw open')), {
    what: 'the tool’s breaker is open on both gateways',
    everyMs: 5,
  });
  t.log(`open on both gateways ${(performance.now() - openedMs).toFixed(0)} ms after the fifth answer`);
  t.deepEqual(await notClosed('steady', 0), ['tool throw open']);
  for (const client of clients) {
    t.true(isRefusal(await codeOf(client.callTool('throw'))));
    t.is((await client.callTool('echo', { text: 'still here' })).isError, false);
  }
});

for (const server of ['guarded', 'plain']) {
  test.serial(`${server}: an opening takes effect on every gateway, measured by calls that are refused`, async (t) => {
    const clients = await Promise.all([0, 1].map((gateway) => connect(server, gateway)));
    t.teardown(() => Promise.all(clients.map((client) => client.close())));
    const timesMs: number[] = [];
    for (let round = 0; round < 20; round++) {
      await resetToolBreaker(mesh, server, 'throw');
      await waitFor(() => onBoth(server, (each) => !each.some((one) => one.startsWith('tool'))), {
        what: 'the breaker was reset',
      });
      await waitFor(
        async () => {
          await codeOf(clients[round % 2]!.callTool('throw'));
          return (await notClosed(server, round % 2)).includes('tool throw open');
        },
        { what: 'it opens on one gateway', everyMs: 1 },
      );
      const openedMs = performance.now();
      for (const client of clients)
        await waitFor(async () => isRefusal(await codeOf(client.callTool('throw'))), {
          what: 'calls are refused',
          everyMs: 1,
        });
      timesMs.push(performance.now() - openedMs);
    }
    timesMs.sort((a, b) => a - b);
    t.log(
      `calls are refused on both gateways after a median of ${timesMs[10]!.toFixed(0)} ms, at most ${timesMs.at(-1)!.toFixed(0)} ms, in ${timesMs.length} openings`,
    );
    t.pass();
  });
}

test.serial('a refused call of a session says when to come again, its id and which breaker', async (t) => {
  const client = await connect('steady');
  t.teardown(() => client.close());
  await waitFor(async () => isRefusal(await codeOf(client.callTool('throw'))), { what: 'the breaker is open' });
  const answer = await fetch(mesh.url('steady'), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': client.sessionId!,
      'mcp-protocol-version': client.protocolVersion!,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 'my-own-77', method: 'tools/call', params: { name: 'throw' } }),
  });
  t.is(answer.status, 200);
  const refusal = JSON.parse(/\{.*\}/.exec(await answer.text())?.[0] ?? '') as {
    error: { data: { retryAfterMs: number } };
  };
  t.true(refusal.error.data.retryAfterMs > 0);
  t.like(refusal, {
    id: 'my-own-77',
    error: {
      code: RPC_ERROR.breakerOpen,
      data: { outcome: 'not_sent', retrySafe: true, server: 'steady', breaker: { level: 'tool', key: 'throw' } },
    },
  });
});

test.serial('a tool that answers isError, however often, opens nothing', async (t) => {
  for (const server of ['guarded', 'plain']) {
    const client = await connect(server);
    t.teardown(() => client.close());
    const before = await notClosed(server, 0);
    for (let i = 0; i < 25; i++) t.true((await client.callTool('fail')).isError);
    t.deepEqual(
      (await notClosed(server, 0)).filter((each) => !each.startsWith('tool throw')),
      before.filter((each) => !each.startsWith('tool throw')),
    );
  }
});

test.serial('a slow tool: its breaker opens by its rate of slow calls, the quick ones go on', async (t) => {
  const client = await connect('slow');
  t.teardown(() => client.close());
  for (let i = 0; i < 3; i++) await client.callTool('echo', { text: 'quick' });
  await waitFor(
    async () => {
      await client.callTool('wait', { durationMs: 120 }).catch(() => {});
      return onBoth('slow', (each) => each.includes('tool wait open'));
    },
    { what: 'the slow tool’s breaker is open' },
  );
  t.deepEqual(
    (await notClosed('slow', 0)).filter((each) => !each.startsWith('tool wait')),
    [],
  );
  t.false((await client.callTool('echo', { text: 'quick' })).isError);
});

for (const server of ['guarded', 'plain']) {
  for (const nonsense of ['garbage', 'cut']) {
    test.serial(
      `${server}: a replica that ${nonsense === 'cut' ? 'ends streams without an answer' : 'answers garbage'} is shut out, its sessions go on elsewhere, and it comes back`,
      async (t) => {
        await allClosed(server);
        const client = await connect(server);
        t.teardown(() => client.close());
        const home = await homeOf(mesh, client);
        await orderFault(home, `nonsense=${nonsense}&count=100000&method=POST`);
        t.teardown(() => orderFault(home, 'count=0'));
        // Unsafe calls fail one by one, each with an answer; at last the breaker opens and the session is elsewhere.
        await waitFor(
          async () => {
            await client
              .callTool('charge', { key: `${server}-${nonsense}-${Math.random()}` }, { timeoutMs: 3000 })
              .catch(() => {});
            return onBoth(server, (each) => ofReplicas(each).length > 0);
          },
          { what: 'the replica’s breaker is open on both gateways', timeoutMs: 120_000 },
        );
        const open = ofReplicas(await notClosed(server, 0));
        t.is(open.length, 1, open.join());
        await waitFor(
          async () => (await client.callTool('echo', { text: 'hello' }, { timeoutMs: 3000 })).text.includes('hello'),
          { what: 'the session goes on elsewhere' },
        );
        t.not((await homeOf(mesh, client)).name, home.name);
        // It is well again: new sessions try it, and it is taken back.
        await orderFault(home, 'count=0');
        await waitFor(
          async () => {
            const one = await connect(server, Math.round(Math.random()));
            await one.callTool('echo', { text: 'x' }, { timeoutMs: 3000 }).catch(() => {});
            await one.terminate().catch(() => {});
            return onBoth(server, (each) => ofReplicas(each).length === 0);
          },
          { what: 'the breaker closes', timeoutMs: 120_000 },
        );
        t.pass();
      },
    );
  }
}

test.serial('every request is counted once: sums by outcome are what the clients sent', async (t) => {
  const total = () => toolCalls(mesh, ['counted-guarded', 'counted-plain']);
  t.deepEqual(await total(), {});
  const sent: Record<string, number> = {};
  // No call here opens a breaker: one in five of the others succeeds in between.
  const mix = [
    ['echo', 'success'],
    ['fail', 'tool_error'],
    ['whoami', 'success'],
    ['echo', 'success'],
    ['nobody_knows', 'client_fault'],
  ] as const;
  await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const server = index % 2 ? 'counted-plain' : 'counted-guarded';
      const client = await connect(server, (index >> 1) % 2);
      for (let i = 0; i < 1250; i++) {
        const [tool, outcome] = mix[(i + index) % mix.length]!;
        await client.callTool(tool, tool === 'echo' ? { text: 'x' } : {}, { timeoutMs: 20_000 }).catch(() => {});
        sent[`${server} ${outcome}`] = (sent[`${server} ${outcome}`] ?? 0) + 1;
      }
      await client.close();
    }),
  );
  // Access logs come in batches, a moment later.
  await waitFor(async () => Object.values(await total()).reduce((sum, count) => sum + count, 0) >= 10_000, {
    what: '10,000 outcomes',
  }).catch(() => {});
  t.deepEqual(await total(), sent);
});

test.serial(
  'Redis dies in the middle: each gateway’s breakers go on by themselves, and agree again when it is back',
  async (t) => {
    await allClosed('lonely');
    const clients = [await connect('lonely', 0), await connect('lonely', 1)] as const;
    t.teardown(() => Promise.all(clients.map((client) => client.close())));
    await mesh.redis!.process.kill();
    await waitFor(
      async () => {
        await codeOf(clients[0].callTool('throw'));
        return (await notClosed('lonely', 0)).includes('tool throw open');
      },
      { what: 'the breaker opens without Redis' },
    );
    t.deepEqual(await notClosed('lonely', 1), []);
    t.true(isRefusal(await codeOf(clients[0].callTool('throw'))));
    t.is(await codeOf(clients[1].callTool('throw')), -32603);
    t.false((await clients[0].callTool('echo', { text: 'x' })).isError);
    await mesh.redis!.process.start();
    await waitFor(
      async () => {
        await codeOf(clients[0].callTool('throw'));
        return onBoth('lonely', (each) => each.includes('tool throw open'));
      },
      { what: 'both know it again', timeoutMs: 30_000 },
    );
  },
);
