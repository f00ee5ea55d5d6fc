import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { startRedis } from '../../deploy/test/mesh/start-redis.ts';
import { temporaryFolder } from '../../deploy/test/mesh/temporary-folder.ts';
import { CHANNEL, REDIS } from '../../proto/wire.ts';
import { redisSessionReader } from '../admin/session-reader.ts';
import { redisEventLog } from '../events/redis-event-log.ts';
import { RedisLease } from '../lease/redis-lease.ts';
import { redisSharedState } from '../lease/redis-shared-state.ts';
import { parseReport } from '../probe/reports.ts';
import { readSlo } from '../rollout/slo-reader.ts';
import { redisSlotStore } from '../slots/redis-slot-store.ts';
import { BreakerWatch } from './breaker-watch.ts';
import { watchChannel } from './channel-watch.ts';
import { GatewayRegistry } from '../membership/gateway-registry.ts';
import { watchHeartbeats } from './heartbeat-watch.ts';

/** What somebody else, an older version or a fault may leave behind. */
const GARBAGE = [
  '',
  'x',
  'null',
  '[]',
  '{}',
  '7',
  '"text"',
  '{"server":7}',
  '{"nodeId":"g","relay":"no list"}',
  '['.repeat(200_000),
  '{"a":'.repeat(5000) + '1' + '}'.repeat(5000),
  '\u0000\ufffd',
  'NaN NaN NaN',
];

async function redisFor(t: ExecutionContext): Promise<Redis> {
  const folder = await temporaryFolder();
  const server = await startRedis({ folder: folder.path });
  const client = new Redis(server.url);
  t.teardown(async () => {
    client.disconnect();
    await server.close();
    await folder.remove();
  });
  return client;
}

const never = (t: ExecutionContext) => (error: unknown) => t.fail(String(error));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('garbage in every field that is read is passed over, and what is good beside it is found', async (t) => {
  const redis = await redisFor(t);
  const slots = redisSlotStore(redis, Date.now);
  const { slot } = await slots.allot('linear', '10.0.0.1:1');
  for (const [index, text] of GARBAGE.entries()) {
    await redis.hset(
      REDIS.slots,
      `life ${text.slice(0, 50)}`,
      text.slice(0, 50),
      `lost .*|${index}`,
      text.slice(0, 50),
    );
    await redis.hset(REDIS.breaker('linear'), `replica:${index}`, text, text.slice(0, 20), text);
    await redis.hset(REDIS.slo('linear'), `f${index}`, text);
    await redis.set(REDIS.gateway(`bad-${index}`), text);
    await redis.xadd(REDIS.events, '*', 'event', text);
    await redis.hset(REDIS.session('linear', `d${index}`), 'record', text, 'at', text.slice(0, 20), 'dead', 'x');
    await redis.zadd(REDIS.slotIndex('linear', slot), index, `d${index}`);
  }
  await redis.hset(REDIS.slots, 'revision', 'garbage', 'next', 'garbage');
  await redis.lpush(REDIS.gateway('of-another-type'), 'x');
  await redis.set(
    REDIS.gateway('good'),
    JSON.stringify({
      nodeId: 'good',
      version: '1',
      admin: null,
      relay: ['127.0.0.1:1'],
      peer: null,
      listen: null,
      isDraining: false,
      atMs: 1,
    }),
  );

  const table = await slots.read();
  t.deepEqual(
    [...table.incarnations.values()].map((incarnation) => incarnation.slot),
    [slot],
  );
  t.deepEqual([...table.lost.keys()], []);
  t.true(Number.isSafeInteger(table.next));
  t.is(await slots.revision(), 0);
  t.deepEqual([...(await readSlo(redis, 'linear', 0)).counters], []);
  t.deepEqual(await redisSessionReader(redis).list('linear', slot, 100), []);
  const events = redisEventLog(redis, () => 1);
  events.append({ kind: 'good', message: 'good' });
  t.deepEqual(
    (await events.list()).map(({ kind }) => kind),
    ['good'],
  );
  await events.stop();

  const registry = new GatewayRegistry({
    trustDomain: null,
    authorities: () => [],
    goneAfterMs: () => 60_000,
    now: Date.now,
    onRefused: () => {},
  });
  const heartbeats = watchHeartbeats(redis, registry, () => {}, never(t));
  await heartbeats.looked;
  heartbeats.stop();
  t.true(registry.nodes().some(({ id }) => id === 'good'));
  const breakers = new BreakerWatch({
    redis,
    subscriber: redis.duplicate(),
    servers: () => ['linear'],
    onChange: () => {},
    errors: { report: (_where, error) => never(t)(error) },
  });
  await breakers.looked;
  t.deepEqual(breakers.current(), []);
  for (const text of GARBAGE) await redis.publish(CHANNEL.breakers, text);
  breakers.stop();
  for (const text of GARBAGE) t.is(parseReport(text), undefined);
});

test('a listener that throws at one message hears the next one', async (t) => {
  const redis = await redisFor(t);
  const heard: string[] = [];
  const failed: unknown[] = [];
  const standing = Promise.withResolvers<void>();
  const stop = watchChannel(
    redis.duplicate(),
    'channel',
    (text) => {
      heard.push(text);
      if (text === 'bad') throw new Error('a bug');
    },
    (error) => failed.push(error),
    standing.resolve,
  );
  await standing.promise;
  await redis.publish('channel', 'bad');
  await redis.publish('channel', 'good');
  await until(() => heard.length === 2);
  t.is(failed.length, 1);
  stop();
});

test('heartbeats are looked at again after a round that failed', async (t) => {
  const redis = await redisFor(t);
  let rounds = 0;
  let failures = 0;
  const { stop } = watchHeartbeats(
    redis,
    { heartbeat: () => {}, unreadable: () => {} },
    () => {
      if (++rounds === 1) throw new Error('a bug');
    },
    () => failures++,
    1,
  );
  await until(() => rounds >= 3);
  stop();
  t.is(failures, 1);
});

test('what can’t be read as shared state counts as absent, and an operator’s next wish replaces it', async (t) => {
  const redis = await redisFor(t);
  const state = redisSharedState(redis);
  for (const text of GARBAGE.filter((each) => !['null', '[]', '{}', '7', '"text"'].includes(each))) {
    await redis.hset('k', 'value', text, 'revision', 'x', 'token', 'y');
    await state.read('k');
    await redis.hset('k', 'value', '{', 'revision', '3', 'token', 'y');
    t.is(await state.read('k'), null);
    t.is(await state.write('k', { a: 1 }, 0, null), 'ok');
    t.like(await state.read('k'), { value: { a: 1 } });
  }
});

test('a lease without a counter, with a damaged one, without an end or of another type ends with one leader and a higher token', async (t) => {
  const redis = await redisFor(t);
  const first = new RedisLease({ redis, id: 'first', leaseMs: 600, onChange: () => {}, onError: never(t) });
  await until(() => first.isLeader);
  let highest = first.token;
  const damages: Array<() => Promise<unknown>> = [
    () => redis.del(REDIS.leaderToken),
    () => redis.set(REDIS.leaderToken, 'garbage'),
    () => redis.del(REDIS.leaderToken).then(() => redis.lpush(REDIS.leaderToken, 'x')),
  ];
  for (const damage of damages) {
    await damage();
    const mended = async () => Number(await redis.get(REDIS.leaderToken).catch(() => 'x')) >= highest;
    while (!(await mended())) await new Promise((resolve) => setImmediate(resolve));
    await until(() => first.isLeader && first.token >= highest);
    highest = first.token;
  }
  await first.stop();
  for (const leave of [
    () => redis.set(REDIS.leader, 'somebody, for ever'),
    () => redis.del(REDIS.leader).then(() => redis.lpush(REDIS.leader, 'x')),
  ]) {
    await leave();
    const next = new RedisLease({ redis, id: 'next', leaseMs: 600, onChange: () => {}, onError: never(t) });
    await until(() => next.isLeader);
    t.true(next.token > highest);
    highest = next.token;
    await next.stop();
  }
});
