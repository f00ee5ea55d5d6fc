import test from 'ava';
import fc from 'fast-check';
import { breakerOrderWrite } from '../../proto/breaker-state.ts';
import { connectRedis, whenReady } from '../../proto/redis/redis-client.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { CHANNEL, REDIS } from '../../proto/wire.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { startRealRedis } from '../session/testing/real-redis.ts';
import { createRedisStore } from '../session/redis-store.ts';
import type { SessionChange } from '../session/session-store.ts';
import { SharedBreakers } from './shared-breakers.ts';

const almostBreaker = fc
  .record(
    {
      server: fc.constantFrom('linear', 'other', '__proto__', 7, null),
      field: fc.constantFrom('replica/1', 'tool/x', 'order/replica/1', 'order/', '', 'x/y', 1),
      value: fc.oneof(
        fc.jsonValue(),
        fc
          .record(
            {
              state: fc.constantFrom('open', 'closed', 'half-open', 'forced-open', 'evil'),
              generation: fc.oneof(fc.integer(), fc.string()),
              openings: fc.integer(),
              sinceMs: fc.double(),
              untilMs: fc.double(),
              by: fc.oneof(fc.string(), fc.constant(null)),
            },
            { requiredKeys: [] },
          )
          .map((value) => JSON.stringify(value)),
      ),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.stringify(value));
const almostChange = fc
  .record(
    {
      server: fc.oneof(fc.constant('linear'), fc.jsonValue()),
      digest: fc.oneof(fc.string(), fc.jsonValue()),
      epoch: fc.oneof(fc.integer(), fc.double(), fc.jsonValue()),
      slot: fc.oneof(fc.string(), fc.jsonValue()),
      node: fc.oneof(fc.string(), fc.jsonValue()),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.stringify(value));
const garbage = fc.oneof(fc.string(), fc.json(), almostBreaker, almostChange, fc.constant('['.repeat(100_000)));

test('whatever is on the channels and in the hashes, the process goes on hearing what is well-formed', async (t) => {
  const redis = await startRealRedis();
  t.teardown(() => redis.dispose());
  const client = connectRedis(redis.url, { commandTimeoutMs: 10_000 });
  t.teardown(() => client.disconnect());
  await whenReady(client, 60_000);
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const shared = new SharedBreakers({
    self: 'g1',
    metrics: createMetrics({ version: '1', nodeId: 'g1', isProcessMeasured: false }),
    redis: client,
    now: Date.now,
    isSlot: () => true,
    isListed: () => true,
    isAlive: () => Promise.resolve(true),
    onError,
  });
  t.teardown(() => shared.close());
  const { breakers } = shared;
  breakers.configure(serverPolicySchema.parse({ name: 'linear' }));
  const store = createRedisStore(client, { nodeId: 'g1', onError });
  t.teardown(() => store.close());
  const heard: SessionChange[] = [];
  store.watch({
    onChange: (change) => {
      heard.push(change);
      if (change.digest === 'throw') throw new Error('a watcher failed');
    },
    onClaim: () => undefined,
    onGap: () => {},
  });
  const subscribers = async (): Promise<number[]> => {
    const answer = (await client.call('PUBSUB', 'NUMSUB', CHANNEL.breakers, CHANNEL.sessions)) as unknown[];
    return [Number(answer[1]), Number(answer[3])];
  };
  while ((await subscribers()).includes(0)) await new Promise(setImmediate);

  await fc.assert(
    fc.asyncProperty(
      garbage,
      fc.constantFrom('replica/1', 'order/replica/1', 'tool/x', 'junk'),
      async (text, field) => {
        await client.publish(CHANNEL.breakers, text);
        await client.publish(CHANNEL.sessions, text);
        await client.hset(REDIS.breaker('linear'), field, text);
      },
    ),
    { numRuns: 300 },
  );
  await client.publish(CHANNEL.sessions, JSON.stringify({ server: 'linear', digest: 'throw', epoch: 1, slot: '1' }));
  await client.publish(CHANNEL.sessions, JSON.stringify({ server: 'linear', digest: 'good', epoch: 1, slot: '1' }));
  const order = breakerOrderWrite(
    'linear',
    { level: 'replica', key: '9' },
    { state: 'forced-open', by: 'test', atMs: 1 },
  );
  await client.hset(order.hash, order.field, order.value ?? '');
  await client.publish(order.channel, order.message);
  while (breakers.peek('linear', '9', Date.now()) !== 'rejects' || !heard.some(({ digest }) => digest === 'good'))
    await new Promise((resolve) => setTimeout(resolve, 5));
  t.true(
    heard.every(
      ({ server, digest, slot }) =>
        [server, digest].every((each) => typeof each === 'string') && (slot === null || typeof slot === 'string'),
    ),
  );
  t.is(errors.length, 1, 'the watcher that failed, and nothing else');
});
