import { rm, writeFile, readFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { startRedis } from '../../deploy/test/mesh/start-redis.ts';
import { temporaryFolder } from '../../deploy/test/mesh/temporary-folder.ts';
import { openFileSlotStore } from './file-slot-store.ts';
import { redisSlotStore } from './redis-slot-store.ts';
import type { SlotStore } from './slot-store.ts';
import { firstNumber, type SlotTable } from './slot-table.ts';

const NOW = Date.UTC(2026, 6, 1);
const clock = () => NOW;

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

async function pathFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-slots-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'deep', 'slots.json');
}

const stores: Record<string, (t: ExecutionContext) => Promise<SlotStore>> = {
  Redis: async (t) => redisSlotStore(await redisFor(t), clock),
  file: async (t) => openFileSlotStore(await pathFor(t), clock),
  memory: () => openFileSlotStore(null, clock),
};

for (const [name, open] of Object.entries(stores)) {
  test(`${name}: a replica keeps its slot for one incarnation, and no slot is given twice`, async (t) => {
    const store = await open(t);
    const first = await store.allot('linear', '127.0.0.1:1');
    t.regex(first.slot, /^[0-9a-oq-z]{1,7}$/);
    t.deepEqual(await store.allot('linear', '127.0.0.1:1'), first);
    const other = await store.allot('queryquill', '127.0.0.1:1');
    t.not(other.slot, first.slot);
    const second = await store.newIncarnation('linear', '127.0.0.1:1', first.slot);
    t.false([first.slot, other.slot].includes(second.slot));
    t.deepEqual(
      [...(await store.read()).lost.values()],
      [{ server: 'linear', address: '127.0.0.1:1', slot: first.slot, lostAtMs: NOW }],
    );
  });

  test(`${name}: two that notice the same return agree on one new incarnation`, async (t) => {
    const store = await open(t);
    const { slot } = await store.allot('a', 'x:1');
    const [one, two] = await Promise.all([
      store.newIncarnation('a', 'x:1', slot),
      store.newIncarnation('a', 'x:1', slot),
    ]);
    t.deepEqual(one, two);
    t.is((await store.read()).lost.size, 1);
  });

  test(`${name}: a retired replica has no slot, another retirement of that incarnation changes nothing, its return is a new incarnation`, async (t) => {
    const store = await open(t);
    const { slot } = await store.allot('a', 'x:1');
    await store.retire('a', 'x:1', slot);
    t.is((await store.read()).incarnations.size, 0);
    const again = await store.allot('a', 'x:1');
    t.not(again.slot, slot);
    await store.retire('a', 'x:1', slot);
    t.is((await store.read()).incarnations.size, 1);
  });

  test(`${name}: released slots are forgotten and not given again; the revision tells of changes, and only of changes`, async (t) => {
    const store = await open(t);
    const { slot } = await store.allot('a', 'x:1');
    await store.newIncarnation('a', 'x:1', slot);
    const before = await store.revision();
    await store.allot('a', 'x:1');
    await store.release(['unknown']);
    t.is(await store.revision(), before);
    await store.release([slot]);
    t.true((await store.revision()) > before);
    const { lost, next } = await store.read();
    t.is(lost.size, 0);
    t.is(next, firstNumber(NOW) + 2);
  });

  test(`${name}: an adopted incarnation counts where there is none, else it is lost`, async (t) => {
    const store = await open(t);
    await store.adopt({ server: 'a', address: 'x:1', slot: 'zz', sinceMs: 5 });
    t.deepEqual(await store.allot('a', 'x:1'), { server: 'a', address: 'x:1', slot: 'zz', sinceMs: 5 });
    await store.adopt({ server: 'a', address: 'x:1', slot: 'yy', sinceMs: 6 });
    const { incarnations, lost } = await store.read();
    t.is(incarnations.get('a x:1')!.slot, 'zz');
    t.true(lost.has('yy'));
  });
}

test('Redis and file do the same, whatever is done', async (t) => {
  const redis = await redisFor(t);
  const place = fc.record({ server: fc.constantFrom('a', 'b'), address: fc.constantFrom('x:1', 'x:2') });
  const step = fc.record({
    kind: fc.constantFrom('allot', 'newIncarnation', 'retire', 'adopt', 'release'),
    place,
    pick: fc.nat(20),
  });
  const plain = ({ next, incarnations, lost }: SlotTable) => ({
    next,
    incarnations: Object.fromEntries(incarnations),
    lost: Object.fromEntries(lost),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      await redis.flushall();
      const one = redisSlotStore(redis, clock),
        two = await openFileSlotStore(null, clock);
      const seen = ['zz', 'yy'];
      for (const each of steps) {
        const slot = seen[each.pick % seen.length] ?? '';
        const [a, b] = [await run(one, each, slot), await run(two, each, slot)];
        t.deepEqual(a, b);
        if (a) seen.push(a.slot);
      }
      const [a, b] = [await one.read(), await two.read()];
      t.deepEqual(plain(a), plain(b));
      t.is((await one.revision()) > 0, (await two.revision()) > 0);
    }),
    { numRuns: 60 },
  );
});

interface Step {
  kind: 'allot' | 'newIncarnation' | 'retire' | 'adopt' | 'release';
  place: { server: string; address: string };
  pick: number;
}

async function run(store: SlotStore, { kind, place: { server, address }, pick }: Step, slot: string) {
  switch (kind) {
    case 'allot':
      return store.allot(server, address);
    case 'newIncarnation':
      return store.newIncarnation(server, address, slot);
    case 'retire':
      return store.retire(server, address, slot);
    case 'adopt':
      return store.adopt({ server, address, slot, sinceMs: pick });
    case 'release':
      return store.release([slot]);
  }
}

test('a file store goes on where it was; a damaged file is refused with what to do', async (t) => {
  const path = await pathFor(t);
  const { slot } = await (await openFileSlotStore(path, clock)).allot('a', 'x:1');
  t.is((await (await openFileSlotStore(path, clock)).allot('a', 'x:1')).slot, slot);
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, 20));
  await t.throwsAsync(openFileSlotStore(path, clock), { message: /does not hold slots.*Restore it, or remove it/ });
});
