import test from 'ava';
import { startRedis } from '../../deploy/test/mesh/start-redis.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { connectRedis } from '../../proto/redis/redis-client.ts';
import { REDIS } from '../../proto/wire.ts';
import { makeTopology } from '../xds/topology.ts';
import { Admin } from './admin-server.ts';
import { gatewayChecks } from './checks.ts';
import { unreadyReason } from './unready-reason.ts';
import { Heartbeats } from './heartbeats.ts';

const heartbeat = (nodeId: string, atMs: number) => ({
  nodeId,
  version: '1',
  relay: ['127.0.0.1:1'],
  peer: null,
  admin: null,
  listen: null,
  isDraining: false,
  atMs,
});

test('/health, /readyz and /metrics answer; a draining node says 503, a missing Redis only degrades', async (t) => {
  let isDraining = false,
    storeProblem: string | null = 'Redis was never reached: ENOTFOUND';
  const redis = { ping: (): Promise<unknown> => Promise.reject(new Error('connection refused')) };
  const checked: string[] = [];
  const admin = new Admin({
    host: '127.0.0.1',
    port: 0,
    everyMs: 60_000,
    drainToken: 'the token',
    onError: (error) => t.fail(String(error)),
    unreadyReason: () => unreadyReason({ isServing: true, isDraining, storeProblem }),
    drain: async () => {
      isDraining = true;
    },
    onCheck: (name) => checked.push(name),
    checks: gatewayChecks({
      redis,
      topology: () => makeTopology([]),
      isControlPlaneConnected: () => true,
      isDraining: () => isDraining,
      members: () => [],
    }),
    renderMetrics: async () => ({ contentType: 'text/plain', body: 'up 1\n' }),
  });
  const port = await admin.start();
  t.teardown(() => admin.close());
  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);

  const unready = await get('/readyz');
  t.is(unready.status, 503);
  t.deepEqual(await unready.json(), { ready: false, reason: 'Redis was never reached: ENOTFOUND' });
  storeProblem = null;
  t.is((await get('/readyz')).status, 200);

  const degraded = await get('/health');
  t.is(degraded.status, 200);
  const report = (await degraded.json()) as {
    status: string;
    timestamp: string;
    checks: { name: string; healthy: boolean; error: string | null }[];
  };
  t.is(report.status, 'degraded');
  t.false(Number.isNaN(Date.parse(report.timestamp)));
  t.deepEqual(report.checks.find(({ name }) => name === 'redis')!.error, 'connection refused');
  t.true(checked.includes('control-plane'));
  t.is((await get('/drain')).status, 404);
  const withToken = (authorization: string, more = {}) =>
    get('/drain', { method: 'POST', headers: { authorization, ...more } });
  t.is((await get('/drain', { method: 'POST' })).status, 403);
  t.is((await withToken('Bearer wrong')).status, 403);
  t.is((await withToken('Bearer the token', { origin: 'https://evil.example' })).status, 403);
  t.false(isDraining);
  t.is((await withToken('Bearer the token')).status, 202);
  await waitFor(async () => (await get('/health')).status === 503, { what: 'draining is seen' });
  t.is((await get('/readyz')).status, 503);
  t.is(await (await get('/metrics')).text(), 'up 1\n');
  t.is((await get('/health', { method: 'POST' })).status, 405);
  t.is((await get('/nothing')).status, 404);
});

test('nodes know each other by their heartbeats; one that fell silent or said goodbye is missed', async (t) => {
  const server = await startRedis();
  const redis = connectRedis(server.url, { commandTimeoutMs: 30_000 });
  t.teardown(async () => {
    redis.disconnect();
    await server.close();
  });
  await waitFor(
    () =>
      redis.ping().then(
        () => true,
        () => false,
      ),
    { what: 'redis' },
  );
  const nowMs = 1_000_000;
  const beats = (nodeId: string) =>
    new Heartbeats({
      redis,
      own: () => heartbeat(nodeId, nowMs),
      expected: ['a', 'b', 'c', 'd'],
      everyMs: 60_000,
      goneAfterMs: 10_000,
      now: () => nowMs,
    });
  const [a, b] = [beats('a'), beats('b')];
  await redis.set(REDIS.gateway('c'), JSON.stringify(heartbeat('c', nowMs - 10_001)));
  await b.start();
  await a.start();
  t.deepEqual(
    a.members.map(({ nodeId, isUp }) => [nodeId, isUp]),
    [
      ['a', true],
      ['b', true],
      ['c', false],
      ['d', false],
    ],
  );
  await b.stop();
  // Its last word is that it drains, for those who look only now; then it is gone.
  t.true(JSON.parse((await redis.get(REDIS.gateway('b')))!).isDraining);
  const leftMs = await redis.pttl(REDIS.gateway('b'));
  t.true(leftMs > 0 && leftMs <= 3000);
  await a.stop();
});
