import test, { type ExecutionContext } from 'ava';
import { breakerOrderWrite, readBreakers, type BreakerOrder } from '../../proto/breaker-state.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { connectRedis, whenReady, type RedisClient } from '../../proto/redis/redis-client.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { REDIS } from '../../proto/wire.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { startRealRedis, type RealRedis } from '../session/testing/real-redis.ts';
import { SharedBreakers } from './shared-breakers.ts';

const policy = serverPolicySchema.parse({
  name: 'linear',
  replicaBreaker: { threshold: 3, timeoutMs: 5000, halfOpenPermits: 2, minSessions: 1, minClients: 1 },
});
const fault = (kind: Outcome['kind'], startedAtMs: number, permit: string | null = null): Outcome =>
  sampleOutcome({ kind, startedAtMs, permit });

interface Node extends Pick<SharedBreakers, 'breakers' | 'close'> {
  redis: RedisClient;
  metrics: Metrics;
}
interface Mesh {
  redis: RealRedis;
  nodes: Node[];
  clock: { nowMs: number } /** The test's own connection, which waits however slow Redis is. */;
  look: RedisClient;
}

async function mesh(t: ExecutionContext, count: number): Promise<Mesh> {
  const redis = await startRealRedis();
  t.teardown(() => redis.dispose());
  const clock = { nowMs: 1_000_000 },
    look = connectRedis(redis.url, { commandTimeoutMs: 30_000 });
  t.teardown(() => look.disconnect());
  await whenReady(look, 60_000);
  const nodes = await Promise.all(
    Array.from({ length: count }, async (_, index): Promise<Node> => {
      const client = connectRedis(redis.url, { commandTimeoutMs: 500 });
      await whenReady(client, 60_000);
      const metrics = createMetrics({ version: '1', nodeId: `g${index}`, isProcessMeasured: false });
      const shared = new SharedBreakers({
        self: `g${index}`,
        metrics,
        redis: client,
        now: () => clock.nowMs,
        isSlot: () => true,
        isListed: () => true,
        isAlive: () => Promise.resolve(true),
        onError: () => {},
      });
      shared.breakers.configure(policy);
      t.teardown(() => {
        shared.close();
        client.disconnect();
      });
      return { breakers: shared.breakers, close: () => shared.close(), redis: client, metrics };
    }),
  );
  await until(
    async () => Number(((await look.call('PUBSUB', 'NUMSUB', 'holdfast:channel:breakers')) as unknown[])[1]) === count,
  );
  return { redis, nodes, clock, look };
}
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('waited 60 s in vain');
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
const break_ = ({ breakers }: Node, { clock: { nowMs } }: Mesh): void => {
  for (let i = 0; i < 3; i++) breakers.observe(fault('replica_fault', nowMs), nowMs);
};
const peeks = ({ nodes, clock: { nowMs } }: Mesh): string[] =>
  nodes.map((node) => node.breakers.peek('linear', '1', nowMs));
const order = ({ look }: Mesh, state: BreakerOrder['state'] | null): Promise<unknown> => {
  const write = breakerOrderWrite('linear', { level: 'replica', key: '1' }, state && { state, by: 'ann', atMs: 1 });
  const multi = look.multi();
  if (write.value === null) multi.hdel(write.hash, write.field);
  else multi.hset(write.hash, write.field, write.value);
  return multi.publish(write.channel, write.message).exec();
};

test('a breaker opens on every gateway, is tried by its opener alone and closes on every gateway', async (t) => {
  const m = await mesh(t, 3),
    [opener, other] = m.nodes as [Node, Node];
  break_(opener, m);
  await until(() => peeks(m).every((peek) => peek === 'rejects'));
  const report = readBreakers('linear', await m.look.hgetall(REDIS.breaker('linear')));
  t.like(report[0], {
    server: 'linear',
    level: 'replica',
    key: '1',
    state: 'open',
    isNotClosed: true,
    decision: { by: 'g0', openings: 1 },
  });

  m.clock.nowMs += 5000;
  t.deepEqual(peeks(m), ['trial', 'rejects', 'rejects']);
  const permits = [0, 1]
    .map(() => opener.breakers.gate('linear', '1', null, m.clock.nowMs))
    .map((answer) => (answer.kind === 'admit' ? answer.permit : null));
  t.true(permits.every((permit) => permit !== null));
  t.is(opener.breakers.gate('linear', '1', null, m.clock.nowMs).kind, 'reject');
  // Both answers come before Redis could say anything about the trial: what is decided last must be what stands.
  for (const permit of permits) opener.breakers.observe(fault('success', m.clock.nowMs, permit), m.clock.nowMs);
  await until(() => peeks(m).every((peek) => peek === 'admits'));
  await until(async () => readBreakers('linear', await m.look.hgetall(REDIS.breaker('linear')))[0]?.state === 'closed');
  t.deepEqual(peeks(m), ['admits', 'admits', 'admits']);
  const { body } = await other.metrics.render(undefined);
  t.true(
    body.includes('mcp_breaker_transitions_total{server_id="linear",level="replica",to="closed",cause="fleet"} 1'),
  );
});

test('Redis goes down in the middle: breakers act alone, and share again when it is back', async (t) => {
  const m = await mesh(t, 2),
    [one, other] = m.nodes as [Node, Node];
  await m.redis.kill();
  break_(one, m);
  t.deepEqual(peeks(m), ['rejects', 'admits']);
  break_(other, m);
  t.deepEqual(peeks(m), ['rejects', 'rejects']);
  m.clock.nowMs += 5000;
  for (let i = 0; i < 2; i++) {
    const answer = one.breakers.gate('linear', '1', null, m.clock.nowMs);
    if (answer.kind === 'admit') one.breakers.observe(fault('success', m.clock.nowMs, answer.permit), m.clock.nowMs);
  }
  t.is(peeks(m)[0], 'admits');
  break_(one, m);
  await m.redis.start();
  await until(async () => {
    try {
      return readBreakers('linear', await m.look.hgetall(REDIS.breaker('linear')))[0]?.state === 'open';
    } catch {
      return false;
    }
  });
  // Whoever came back first made the decision. The other one's open time may be over, so that it may try, but it is
  // closed to none.
  await until(() => !peeks(m).includes('admits') && peeks(m).includes('rejects'));
  t.pass();
});

test('operators force a breaker open and give it back on every gateway, also on one that was not there', async (t) => {
  const m = await mesh(t, 2);
  await order(m, 'forced-open');
  await until(() => peeks(m).every((peek) => peek === 'rejects'));
  const late = new SharedBreakers({
    self: 'late',
    metrics: m.nodes[0]!.metrics,
    redis: m.nodes[0]!.redis,
    now: () => m.clock.nowMs,
    isSlot: () => true,
    isListed: () => true,
    isAlive: () => Promise.resolve(true),
    onError: () => {},
  });
  t.teardown(() => late.close());
  late.breakers.configure(policy);
  await until(() => late.breakers.peek('linear', '1', m.clock.nowMs) === 'rejects');
  await order(m, null);
  await until(() => [...peeks(m), late.breakers.peek('linear', '1', m.clock.nowMs)].every((peek) => peek === 'admits'));
  t.pass();
});
