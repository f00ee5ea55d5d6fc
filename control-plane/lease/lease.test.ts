import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { startRedis } from '../../deploy/test/mesh/start-redis.ts';
import { temporaryFolder } from '../../deploy/test/mesh/temporary-folder.ts';
import { fileSharedState } from './file-shared-state.ts';
import { RedisLease } from './redis-lease.ts';
import { redisSharedState } from './redis-shared-state.ts';
import type { SharedState } from './shared-state.ts';

async function until(condition: () => boolean): Promise<void> {
  const limit = AbortSignal.timeout(60_000);
  while (!condition()) await sleep(10, undefined, { signal: limit });
}

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

const stores: Record<string, (t: ExecutionContext) => Promise<SharedState>> = {
  Redis: async (t) => redisSharedState(await redisFor(t)),
  memory: () => fileSharedState(null),
};

for (const [name, open] of Object.entries(stores)) {
  test(`${name}: a value is written only over the revision that the writer saw, and never by a former leader`, async (t) => {
    const state = await open(t);
    t.is(await state.read('k'), null);
    t.is(await state.write('k', { a: 1 }, 0, 5), 'ok');
    t.is(await state.write('k', { a: 2 }, 0, 5), 'conflict');
    t.deepEqual(await state.read('k'), { value: { a: 1 }, revision: 1 });
    t.is(await state.write('k', { a: 2 }, 1, 6), 'ok');
    t.is(await state.write('k', { a: 3 }, 2, 5), 'fenced');
    t.is(await state.write('k', { a: 9 }, 2, null), 'ok', 'an operator’s wish needs no token');
    t.is(await state.write('k', undefined, 3, 6), 'ok');
    t.is(await state.read('k'), null);
    t.is(await state.write('k', { a: 4 }, 0, 5), 'fenced', 'deleting does not forget the token');
    t.is(await state.write('k', { a: 4 }, 0, 7), 'ok');
    t.like(await state.read('k'), { value: { a: 4 } });
  });
}

test('file: what was written is there after a restart', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'state', 'shared.json');
  t.is(await (await fileSharedState(file)).write('k', [1], 0, 1), 'ok');
  t.deepEqual(await (await fileSharedState(file)).read('k'), { value: [1], revision: 1 });
});

test('one of two leads; when it gives up or falls silent the other takes over with a higher token', async (t) => {
  const redis = await redisFor(t);
  const changes: string[] = [];
  const candidate = (id: string) =>
    new RedisLease({
      redis,
      id,
      leaseMs: 9000,
      onChange: (isLeader) => {
        changes.push(`${id} ${isLeader}`);
      },
    });
  const one = candidate('one');
  await until(() => one.isLeader);
  const two = candidate('two');
  await until(() => two.leader === 'one');
  t.false(two.isLeader);
  await one.stop();
  await until(() => two.isLeader);
  t.true(two.token > one.token);
  t.false(one.isLeader);
  t.deepEqual(changes, ['one true', 'one false', 'two true']);
  await two.stop();
});

test('a leader that can not reach Redis stops leading by its own clock', async (t) => {
  const redis = await redisFor(t);
  let now = 0;
  const lease = new RedisLease({ redis, id: 'one', leaseMs: 60_000, onChange: () => {}, monotonicMs: () => now });
  await until(() => lease.isLeader);
  now = 59_999;
  t.true(lease.isLeader);
  now = 60_000;
  t.false(lease.isLeader);
  await lease.stop();
});
