import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { Redis } from 'ioredis';
import { redisAnswer, startRedis } from '../test/mesh/start-redis.ts';
import { temporaryFolder } from '../test/mesh/temporary-folder.ts';
import { redisUsers } from './redis-users.ts';

test('a Redis with these users has everything after a restart, transactions and scripts included, and nobody is its default user', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(() => folder.remove());
  const aclFile = join(folder.path, 'users.acl');
  const hash = createHash('sha256').update('secret').digest('hex');
  await writeFile(aclFile, redisUsers({ gateway: hash, controlPlane: hash, replica: null, admin: null }));
  const redis = await startRedis({ folder: folder.path, isPersistent: true, aclFile });
  t.teardown(() => redis.close());
  const client = new Redis({ port: redis.port, username: 'holdfast-gateway', password: 'secret' });
  t.teardown(() => client.disconnect());
  await client.set('holdfast:{one', 'plain');
  await client.multi().set('holdfast:{two', 'transaction').expire('holdfast:{two', 100).exec();
  const script = "redis.call('SET', KEYS[1], 'script') redis.call('EXPIRE', KEYS[1], 100)";
  await client.eval(script, 1, 'holdfast:{three');
  await redis.process.restart();
  const kept = await Promise.all(['one', 'two', 'three'].map((key) => client.get(`holdfast:{${key}`)));
  t.deepEqual(kept, ['plain', 'transaction', 'script']);
  t.regex(await redisAnswer(redis.port, 'GET holdfast:{one'), /^-NOAUTH/);
  for (const password of ['', 'secret', 'default'])
    t.regex(await redisAnswer(redis.port, `AUTH default "${password}"`), /^-WRONGPASS/, password);
});
