import { existsSync } from 'node:fs';
import test from 'ava';
import { redisAnswer, startRedis, startSentinelRedis } from './start-redis.ts';
import { waitFor } from './wait-for.ts';

test('a Redis answers, keeps its data over a restart when asked to, and leaves nothing', async (t) => {
  const redis = await startRedis({ isPersistent: true });
  t.teardown(() => redis.close());
  await redisAnswer(redis.port, 'SET a 7');
  await redis.process.restart();
  t.is(await redisAnswer(redis.port, 'GET a'), '$1\r\n7\r\n');
  const log = redis.process.spec.logFile;
  await redis.close();
  t.false(existsSync(log));
  await t.throwsAsync(redisAnswer(redis.port, 'PING'));
});

test('sentinels put the replica in the place of a killed primary', async (t) => {
  const redis = await startSentinelRedis();
  t.teardown(() => redis.close());
  t.is(await redis.primaryPort(), redis.port);
  await redis.process.kill();
  // Sentinels that were paused for two seconds do nothing for half a minute (tilt).
  await waitFor(async () => (await redis.primaryPort()) === redis.replica.port, {
    what: 'failover',
    timeoutMs: 120_000,
  });
  t.regex(await redisAnswer(redis.replica.port, 'INFO replication'), /role:master/);
});
