import { request } from 'node:http';
import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { redisAnswer } from '../mesh/start-redis.ts';
import { httpGet, waitFor } from '../mesh/wait-for.ts';

/** Sessions are not free: their size, rate, number and the store's memory have limits, and other clients don't notice when one reaches them. */
let mesh: Mesh;
const ATTACKER = '127.0.0.9';

test.before(async (t) => {
  t.timeout(120_000);
  const server = (limits: object, guard?: string[]) => ({
    replicas: 1,
    program: 'deploy/test/servers/linear/main.ts',
    settings: { limits, ...(guard && { guard }) },
  });
  mesh = await startMesh({
    gateways: 2,
    servers: {
      plain: server({}, []),
      guarded: server({}),
      rated: server({ initializePerAddress: { requests: 1, perMs: 60_000, burst: 5 } }),
      capped: server({ sessionsPerAddress: 20, initializePerAddress: { requests: 0 } }),
      short: server({ unusedSessionSeconds: 2 }, []),
    },
  });
});
test.after.always(() => mesh?.close());

interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

const initialize = (more: object = {}): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 7,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' }, ...more },
  });

const post = (
  server: string,
  body: string,
  { from = ATTACKER, session = undefined as string | undefined, gateway = 0 } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(
      mesh.url(server, gateway),
      {
        method: 'POST',
        localAddress: from,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'content-length': Buffer.byteLength(body),
          ...(session !== undefined && { 'mcp-session-id': session }),
        },
      },
      (answer) => {
        let text = '';
        answer.on('data', (bytes: Buffer) => {
          text += bytes.toString();
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });

const sessionOf = ({ headers }: Answer): string => String(headers['mcp-session-id']);
const redis = (command: string): Promise<string> => redisAnswer(Number(new URL(mesh.redis!.url).port), command);

for (const server of ['plain', 'guarded'] as const) {
  test.serial(
    `an initialize that is too large to be kept is refused, one that is not begins a session: ${server}`,
    async (t) => {
      for (const bytes of [70_000, 120_000, 2_000_000]) {
        const answer = await post(
          server,
          initialize({ capabilities: { experimental: { x: { y: 'x'.repeat(bytes) } } } }),
        );
        t.is(answer.status, 413, answer.body);
        t.like(JSON.parse(answer.body), { id: 7, error: { code: -31007 } });
        t.true(answer.body.includes(`servers[${server}].limits.initializeBytes`), answer.body);
      }
      const fine = await post(server, initialize({ capabilities: { experimental: { x: { y: 'x'.repeat(60_000) } } } }));
      t.is(fine.status, 200, fine.body);
    },
  );
}

test.serial('an address begins sessions at its rate; others are not held up by it', async (t) => {
  const statuses: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    const answer = await post('rated', initialize());
    statuses.push(answer.status);
    if (answer.status === 200) continue;
    t.is(answer.headers['retry-after'], '1');
    t.true(answer.body.includes('servers[rated].limits.initializePerAddress'), answer.body);
  }
  t.deepEqual(statuses, [200, 200, 200, 200, 200, 503, 503, 503, 503, 503]);
  t.is((await post('rated', initialize(), { from: '127.0.0.10' })).status, 200);
  // HTTP+SSE sessions begin with a GET, and count as well.
  const sse = await new Promise<number>((resolve, reject) => {
    request(mesh.url('rated'), { localAddress: ATTACKER, headers: { accept: 'text/event-stream' } }, (answer) => {
      resolve(answer.statusCode ?? 0);
      answer.destroy();
    })
      .on('error', reject)
      .end();
  });
  t.is(sse, 503);
});

test.serial(
  'beyond its share an address loses the session that was idle longest; the one in use and other clients’ stay',
  async (t) => {
    t.timeout(60_000);
    const other = await connectClient({ kind: 'v1', url: mesh.url('capped') });
    const used = sessionOf(await post('capped', initialize())),
      ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    const begun: string[] = [];
    for (let count = 0; count < 60; count += 1) {
      begun.push(sessionOf(await post('capped', initialize())));
      if (count % 4 === 0) t.is((await post('capped', ping, { session: used })).status, 200);
    }
    t.is((await post('capped', ping, { session: used })).status, 200);
    t.is((await post('capped', ping, { session: begun.at(-1)! })).status, 200);
    t.is((await post('capped', ping, { session: begun[0]! })).status, 404);
    t.is((await other.callTool('echo', { text: 'well' })).data.text, 'well');
    await other.terminate();
  },
);

test.serial('a session that nobody owns lives shortly until it is used, then as long as any', async (t) => {
  t.timeout(60_000);
  const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
  const used = sessionOf(await post('short', initialize()));
  t.is((await post('short', ping, { session: used })).status, 200);
  for (let count = 0; count < 20; count += 1) await post('short', initialize());
  const kept = async (): Promise<number> =>
    Number(/^\*(\d+)/.exec(await redis('KEYS holdfast:{short}:session:*'))?.[1] ?? -1);
  t.true((await kept()) > 1);
  await waitFor(async () => (await kept()) === 1, { what: 'unused sessions to be forgotten', timeoutMs: 20_000 });
  t.is((await post('short', ping, { session: used, gateway: 1 })).status, 200);
  const key = /holdfast:\{short\}:session:\w+/.exec(await redis('KEYS holdfast:{short}:session:*'))![0];
  t.true(Number((await redis(`TTL ${key}`)).slice(1)) > 60);
});

test.serial(
  'a Redis that is nearly full takes no new session; those that live go on, when it is full as well',
  async (t) => {
    t.timeout(60_000);
    const clients = await Promise.all(
      (['plain', 'guarded'] as const).flatMap((server) =>
        [0, 1].map((gateway) => connectClient({ kind: 'v1', url: mesh.url(server, gateway) })),
      ),
    );
    const echo = async (): Promise<void> => {
      for (const client of clients) t.is((await client.callTool('echo', { text: 'on' })).data.text, 'on');
    };
    await echo();
    const used = Number(/used_memory:(\d+)/.exec(await redis('INFO memory'))![1]);
    try {
      for (const maxmemory of [Math.round(used * 1.1), 1]) {
        await redis(`CONFIG SET maxmemory ${maxmemory}`);
        for (const gateway of [0, 1])
          await waitFor(async () => (await post('plain', initialize(), { gateway })).status === 503, {
            what: 'new sessions to be refused',
            timeoutMs: 10_000,
          });
        const { body, headers } = await post('plain', initialize());
        t.true(body.includes('sessionStore.maxMemoryPercent'), body);
        t.is(headers['retry-after'], '1');
        await echo();
        // What nobody knows is unknown only to a store that can be believed.
        const unknown = await post('guarded', JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }), {
          session: `${clients[2]!.sessionId!.split('~')[0]}~${'f'.repeat(36)}`,
        });
        t.true([404, 503].includes(unknown.status), unknown.body);
      }
      const sidecar = mesh.gateways[0]!.sidecars[0]!;
      await waitFor(async () => /Redis refuses|OOM/.test((await httpGet(`${sidecar.adminUrl}/health`))?.body ?? ''), {
        what: 'the health check to say that Redis refuses writes',
        timeoutMs: 20_000,
      });
    } finally {
      await redis('CONFIG SET maxmemory 0');
    }
    await waitFor(async () => (await post('plain', initialize())).status === 200, {
      what: 'new sessions to begin again',
      timeoutMs: 10_000,
    });
    await echo();
    for (const client of clients) await client.terminate();
  },
);
