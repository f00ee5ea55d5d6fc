import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { startRedis } from '../../deploy/test/mesh/start-redis.ts';
import { temporaryFolder } from '../../deploy/test/mesh/temporary-folder.ts';
import type { EventLog } from './event.ts';
import { followEvents } from './follow-events.ts';
import { memoryEventLog } from './memory-event-log.ts';
import { redisEventLog } from './redis-event-log.ts';

const logs: Record<string, (t: ExecutionContext) => Promise<EventLog>> = {
  memory: async () => memoryEventLog(() => 1000),
  Redis: async (t) => {
    const folder = await temporaryFolder();
    const server = await startRedis({ folder: folder.path });
    const client = new Redis(server.url);
    const log = redisEventLog(client, () => 1000);
    t.teardown(async () => {
      await log.stop();
      client.disconnect();
      await server.close();
      await folder.remove();
    });
    return log;
  },
};

for (const [name, open] of Object.entries(logs)) {
  test(`${name}: events are kept in order and found by server, kind and position`, async (t) => {
    const log = await open(t);
    for (let index = 0; index < 5; index++)
      log.append({
        kind: index % 2 ? 'rollout.step' : 'drain.started',
        server: index < 3 ? 'linear' : 'other',
        message: `event ${index}`,
      });
    const all = await log.list();
    t.deepEqual(
      all.map((each) => each.message),
      [0, 1, 2, 3, 4].map((index) => `event ${index}`),
    );
    t.is(all[0]!.atMs, 1000);
    const texts = async (query: object) => (await log.list(query)).map((each) => each.message);
    t.deepEqual(await texts({ limit: 2 }), ['event 3', 'event 4']);
    t.deepEqual(await texts({ server: 'linear', kind: 'drain' }), ['event 0', 'event 2']);
    t.deepEqual(await texts({ afterId: all[1]!.id, limit: 2 }), ['event 2', 'event 3']);
  });

  test(`${name}: a follower gets what comes after it began, and what it missed when it says where it was`, async (t) => {
    const log = await open(t);
    log.append({ kind: 'a', message: 'before' });
    const [before] = await log.list();
    const stop = new AbortController();
    const follower = followEvents(log, {}, stop.signal);
    const first = follower.next();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    await log.list();
    log.append({ kind: 'a', message: 'after' });
    t.is(((await first).value as { message: string }).message, 'after');
    const again = followEvents(log, { afterId: '0-0' }, stop.signal);
    t.is(((await again.next()).value as { id: string }).id, before!.id);
    stop.abort();
    t.true((await follower.next()).done);
  });
}
