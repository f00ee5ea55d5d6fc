import test from 'ava';
import { connectRedis, whenReady } from '../../proto/redis/redis-client.ts';
import { startRealRedis } from '../session/testing/real-redis.ts';
import { measureRedis } from './measure-redis.ts';

test('commands are measured by name, and failures by kind', async (t) => {
  const redis = await startRealRedis();
  t.teardown(() => redis.dispose());
  const seen: string[] = [];
  const connect = async (commandTimeoutMs: number) => {
    const client = connectRedis(redis.url, { commandTimeoutMs });
    t.teardown(() => client.disconnect());
    await whenReady(client, 60_000);
    measureRedis(client, (command, durationMs, error) => {
      t.true(durationMs >= 0);
      seen.push(`${command} ${error ?? 'ok'}`);
    });
    return client;
  };
  const client = await connect(60_000),
    hasty = await connect(100);
  await client.hset('a', 'b', 'c');
  await client.multi().hget('a', 'b').exec();
  await client.call('LPUSH', 'a', '1').catch(() => {});
  await client.evalsha('0'.repeat(40), 0).catch(() => {});
  redis.pause();
  await hasty.ping().catch(() => {});
  redis.resume();
  await redis.kill();
  while (!seen.includes('ping refused')) await hasty.ping().catch(() => {});
  for (const wanted of ['hset ok', 'hget ok', 'other other', 'evalsha ok', 'ping timeout'])
    t.true(seen.includes(wanted), `${wanted} in ${seen.join(', ')}`);
});
