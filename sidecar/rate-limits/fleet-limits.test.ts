import test from 'ava';
import { startRedis } from '../../deploy/test/mesh/start-redis.ts';
import { fleetLimitSchema } from '../../proto/fleet-limit.ts';
import { readRpcBody } from '../../proto/json-rpc.ts';
import { connectRedis, whenReady } from '../../proto/redis/redis-client.ts';
import { bucketsOf } from './buckets-of.ts';
import { FleetLimits } from './fleet-limits.ts';
import { redisBuckets } from './redis-buckets.ts';

const limit = (more: object) => fleetLimitSchema.parse({ name: 'a', requests: 10, perMs: 3_600_000, ...more });
/** A batch of calls; null stands for a ping. */
const body = (...tools: Array<string | null>) =>
  readRpcBody(
    Buffer.from(
      JSON.stringify(
        tools.map((name, id) => ({
          jsonrpc: '2.0',
          id,
          method: name === null ? 'ping' : 'tools/call',
          params: { name },
        })),
      ),
    ),
  );
const messages = (...tools: Array<string | null>) => {
  const rpc = body(...tools);
  return rpc.kind === 'batch' ? rpc.messages : [];
};

test('a call takes from every limit that is about it, each bucket by what it counts apart', (t) => {
  const keys = (limits: object[], tools: Array<string | null>, caller = 'ann') =>
    bucketsOf(limits.map(limit), messages(...tools), caller).map(
      ({ limit: name, key, count }) => `${name} ${key} ${count}`,
    );
  t.deepEqual(keys([{}], ['x', 'y', null]), ['a ["ann",null] 2']);
  t.deepEqual(keys([{ per: ['principal', 'tool'] }], ['x', 'y', 'x']), ['a ["ann","x"] 2', 'a ["ann","y"] 1']);
  t.deepEqual(keys([{ per: [] }, { name: 'b', per: ['tool'], tools: ['x*'] }], ['x1', 'y']), [
    'a [null,null] 2',
    'b [null,"x1"] 1',
  ]);
  t.deepEqual(keys([{ tools: ['z'] }], ['x', null]), []);
  const pairs = { per: ['principal', 'tool'] };
  t.notDeepEqual(keys([pairs], ['x","y']), keys([pairs], ['y'], 'ann","x'));
});

test('three gateways and one limit: together they let through what it says, and without Redis one burst each besides', async (t) => {
  t.timeout(60_000);
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const policy = { name: 'linear', fleetLimits: [limit({ requests: 30, burst: 20 })] },
    counted: string[] = [];
  const gateways = await Promise.all(
    ['one', 'two', 'three'].map(async (name) => {
      const client = connectRedis(redis.url, { name });
      t.teardown(() => client.disconnect());
      await whenReady(client, 10_000);
      const limits = new FleetLimits({
        ...{ shared: redisBuckets(client), now: Date.now, timeoutMs: 10_000 },
        onLocal: () => counted.push(name),
      });
      return { client, limits };
    }),
  );
  const storm = async (calls: number, caller: string) => {
    const all = await Promise.all(
      Array.from({ length: calls }, (_, at) => gateways[at % 3]?.limits.take(policy, body('x'), () => caller, 3)),
    );
    return all.filter((taken) => taken?.is === 'taken').length;
  };
  t.is(await storm(150, 'ann'), 20);
  t.is(await storm(150, 'ben'), 20, 'another principal has a bucket of its own');
  t.is(counted.length, 0);
  const [first] = gateways,
    refused = await first?.limits.take(policy, body('x'), () => 'ann', 3);
  t.true(refused?.is === 'refused' && refused.retryAfterMs > 0 && refused.retryAfterMs <= 120_000);
  t.is(
    first?.limits.take(policy, body(null), () => 'ann', 3),
    null,
    'no call, nothing to ask',
  );

  const inAnHour = Date.now() + 3_600_000,
    [bucket = ''] = (await first?.client.keys('*rate:*')) ?? [];
  await first?.client.hset(bucket, 'at', inAnHour);
  t.is((await storm(3, 'ann')) + (await storm(3, 'ben')), 0);
  const at = Number(await first?.client.hget(bucket, 'at'));
  t.true(at < inAnHour, 'after the clock of Redis was set back, a bucket fills from then on');

  for (const { client } of gateways) client.disconnect();
  t.is(await storm(300, 'cleo'), 60, 'one burst for each gateway');
  t.true(counted.length >= 300);
});

test('a node alone asks nobody, and a server without limits nothing', async (t) => {
  const alone = new FleetLimits({ shared: null, now: () => 0, onLocal: () => t.fail() });
  const policy = { name: 'a', fleetLimits: [limit({ requests: 1, burst: 1 })] };
  t.is((await alone.take(policy, body('x'), () => 'ann', 1))?.is, 'taken');
  t.is((await alone.take(policy, body('x'), () => 'ann', 1))?.is, 'refused');
  t.is(
    alone.take({ name: 'a', fleetLimits: [] }, body('x'), () => 'ann', 1),
    null,
  );
});
