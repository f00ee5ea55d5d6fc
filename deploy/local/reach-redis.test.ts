import test from 'ava';
import { freePort } from '../test/mesh/free-port.ts';
import { startRedis } from '../test/mesh/start-redis.ts';
import { reachRedis } from './reach-redis.ts';

test('a Redis that answers is no problem', async (t) => {
  const redis = await startRedis();
  t.teardown(redis.close);
  t.is(await reachRedis(redis.url), undefined);
});

test('one that does not is named without its password, with what to do', async (t) => {
  const problem = await reachRedis(`redis://user:hunter2@127.0.0.1:${await freePort()}`);
  t.regex(problem ?? '', /ECONNREFUSED.*SESSION_STORE_URL/s);
  t.notRegex(problem ?? '', /hunter2/);
});
